#include "text/aligned_text.h"

#include <algorithm>
#include <stdexcept>

#include "text/unicode.h"

namespace infig {
namespace {

// The first byte that a change of the whole reaches: the library passes over leading bytes that came of nothing.
size_t first_reached(const AlignedText& text) {
  if (text.length == 0) return 0;
  size_t at = 0;
  while (at < text.source.size() && text.source[at].begin == text.source[at].end) ++at;
  return at;
}

void check_growth(size_t size, size_t limit) {
  if (size > limit) throw std::length_error("a normalised text");
}

}  // namespace

void AlignedText::assign(std::string_view text, uint32_t at) {
  bytes = text;
  source.resize(text.size());
  shift = at;
  length = static_cast<uint32_t>(text.size());
  for (size_t i = 0; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const uint32_t size = byte < 0x80 ? 1 : utf8_at(text, i).length;
    const SourceRange range{.begin = at + static_cast<uint32_t>(i), .end = at + static_cast<uint32_t>(i) + size};
    for (uint32_t k = 0; k < size; ++k) source[i + k] = range;
    i += size;
  }
}

void AlignedText::assign(const AlignedText& from, size_t begin, size_t end) {
  bytes.assign(from.bytes, begin, end - begin);
  source.assign(from.source.begin() + static_cast<std::ptrdiff_t>(begin), from.source.begin() + static_cast<std::ptrdiff_t>(end));
  const SourceRange range = slice_range(from.source, begin, end);
  shift = range.begin;
  length = range.end - range.begin;
}

void AlignedText::transform(const std::vector<TextChange>& changes, size_t removed_first) {
  if (bytes.empty() && length > 0) return;
  const size_t begin = first_reached(*this);
  // In a stretch that came of nothing at all the library puts the new text before the old.
  const size_t end = length == 0 ? 0 : bytes.size();
  std::string changed = bytes.substr(0, begin);
  std::vector<SourceRange> places(source.begin(), source.begin() + static_cast<std::ptrdiff_t>(begin));
  changed.reserve(bytes.size() + changes.size());
  places.reserve(bytes.size() + changes.size());
  size_t at = begin;
  const auto pass = [&](size_t characters) {
    for (; characters > 0 && at < end; --characters) at += utf8_at(bytes, at).length;
  };
  pass(removed_first);
  for (const TextChange& one : changes) {
    SourceRange place{.begin = shift, .end = shift};
    if (one.change > 0) {
      if (at > 0) place = source[at - 1];
    } else if (!source.empty()) {
      place = source[std::min(at, source.size() - 1)];
    }
    if (one.change <= 0) pass(1 + static_cast<size_t>(-one.change));
    if (one.code < 0x80) {
      changed += static_cast<char>(one.code);
    } else {
      append_utf8(changed, one.code);
    }
    places.resize(changed.size(), place);
  }
  changed.append(bytes, end);
  check_growth(changed.size(), limit);
  places.insert(places.end(), source.begin() + static_cast<std::ptrdiff_t>(end), source.end());
  bytes = std::move(changed);
  source = std::move(places);
}

void AlignedText::Replacer::keep(size_t end) {
  bytes_.append(text_.bytes, done_, end - done_);
  source_.insert(source_.end(), text_.source.begin() + static_cast<std::ptrdiff_t>(done_),
                 text_.source.begin() + static_cast<std::ptrdiff_t>(end));
  done_ = end;
}

void AlignedText::Replacer::replace(size_t begin, size_t end, std::string_view content, bool whole) {
  keep(begin);
  SourceRange place = end > 0 ? text_.source[end - 1] : SourceRange{.begin = text_.shift, .end = text_.shift};
  if (whole && begin < end) place.begin = text_.source[begin].begin;
  check_growth(bytes_.size() + content.size(), text_.limit);
  bytes_ += content;
  source_.resize(bytes_.size(), place);
  done_ = end;
}

void AlignedText::Replacer::finish() {
  keep(text_.bytes.size());
  text_.bytes = std::move(bytes_);
  text_.source = std::move(source_);
}

void AlignedText::prepend(std::string_view content) {
  if (bytes.empty() || content.empty()) return;
  check_growth(bytes.size() + content.size(), limit);
  bytes.insert(0, content);
  source.insert(source.begin(), content.size(), source.front());
}

void AlignedPieces::clear() {
  bytes.clear();
  source.clear();
  pieces.clear();
}

uint32_t AlignedPieces::append(const AlignedText& text) {
  const auto begin = static_cast<uint32_t>(bytes.size());
  check_growth(bytes.size() + text.bytes.size(), limit);
  bytes += text.bytes;
  source.insert(source.end(), text.source.begin(), text.source.end());
  return begin;
}

void AlignedPieces::add_slice(size_t begin, size_t end, int32_t token) {
  if (begin >= end) return;
  const SourceRange range = slice_range(source, begin, end);
  pieces.push_back({.begin = static_cast<uint32_t>(begin),
                    .end = static_cast<uint32_t>(end),
                    .shift = range.begin,
                    .length = range.end - range.begin,
                    .token = token});
}

void AlignedPieces::take_out(const AlignedPiece& piece, AlignedText& text) const {
  text.bytes.assign(bytes, piece.begin, piece.end - piece.begin);
  text.source.assign(source.begin() + piece.begin, source.begin() + piece.end);
  text.shift = piece.shift;
  text.length = piece.length;
  text.limit = limit;
}

}  // namespace infig
