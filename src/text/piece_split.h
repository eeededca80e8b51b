// How pre-tokenizers cut the pieces of a text (json_pretokenizers.cpp).
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/aligned_text.h"
#include "text/json_part.h"
#include "text/pattern.h"
#include "text/unicode.h"

namespace infig {

// What becomes of a match: it goes, is a piece of its own, joins the stretch before or behind it, or neighbours of its kind.
enum class SplitBehavior { kRemoved, kIsolated, kMergedWithPrevious, kMergedWithNext, kContiguous };

inline SplitBehavior behavior_of(const JsonPart& part, const char* key) {
  const std::string name = part.text(key);
  if (name == "Removed") return SplitBehavior::kRemoved;
  if (name == "Isolated") return SplitBehavior::kIsolated;
  if (name == "MergedWithPrevious") return SplitBehavior::kMergedWithPrevious;
  if (name == "MergedWithNext") return SplitBehavior::kMergedWithNext;
  if (name == "Contiguous") return SplitBehavior::kContiguous;
  part.refuse_value(key, "one of Removed, Isolated, MergedWithPrevious, MergedWithNext, Contiguous");
}

using Parts = std::vector<PatternPart>;

// Where a match follows a stretch that is none (and behind it in the other direction), it joins that.
inline Parts joined(const Parts& parts, bool with_next) {
  Parts result;
  bool before = false;
  const size_t count = parts.size();
  for (size_t i = 0; i < count; ++i) {
    const PatternPart& one = with_next ? parts[count - 1 - i] : parts[i];
    if (one.match && !before && !result.empty()) {
      (with_next ? result.back().begin : result.back().end) = with_next ? one.begin : one.end;
    } else {
      result.push_back(one);
    }
    before = one.match;
  }
  if (with_next) std::reverse(result.begin(), result.end());
  return result;
}

inline Parts contiguous(const Parts& parts) {
  Parts result;
  bool before = false;
  for (const PatternPart& one : parts) {
    if (one.match == before && !result.empty()) {
      result.back().end = one.end;
    } else {
      result.push_back(one);
    }
    before = one.match;
  }
  return result;
}

// Calls add(begin, end) for what becomes of the parts of a piece.
template <typename Add>
void apply_behavior(const Parts& parts, SplitBehavior behavior, Add&& add) {
  switch (behavior) {
    case SplitBehavior::kRemoved:
      for (const PatternPart& one : parts) {
        if (!one.match) add(one.begin, one.end);
      }
      return;
    case SplitBehavior::kIsolated:
      for (const PatternPart& one : parts) add(one.begin, one.end);
      return;
    case SplitBehavior::kContiguous:
      for (const PatternPart& one : contiguous(parts)) add(one.begin, one.end);
      return;
    case SplitBehavior::kMergedWithPrevious:
    case SplitBehavior::kMergedWithNext:
      for (const PatternPart& one : joined(parts, behavior == SplitBehavior::kMergedWithNext)) add(one.begin, one.end);
      return;
  }
}

// Calls cut(bytes of the piece, add) for each piece that is no added token; add(begin, end) makes a piece of some of them.
template <typename Cut>
void split_pieces(AlignedPieces& text, Cut&& cut) {
  const std::vector<AlignedPiece> before = std::move(text.pieces);
  text.pieces.clear();
  for (const AlignedPiece& piece : before) {
    if (piece.token >= 0) {
      text.pieces.push_back(piece);
    } else {
      cut(text.text_of(piece), [&](size_t begin, size_t end) { text.add_slice(piece.begin + begin, piece.begin + end); });
    }
  }
}

// The same where the pieces change: change(text, number of original bytes before it) comes first, cut(bytes, add) then.
template <typename Change, typename Cut>
void rewrite_pieces(AlignedPieces& text, Change&& change, Cut&& cut) {
  AlignedPieces result;
  result.limit = text.limit;
  result.bytes.reserve(text.bytes.size() + text.pieces.size());
  AlignedText one;
  for (const AlignedPiece& piece : text.pieces) {
    text.take_out(piece, one);
    if (piece.token < 0) change(one);
    const uint32_t begin = result.append(one);
    if (piece.token >= 0 ||
        !cut(std::string_view(one.bytes), [&](size_t first, size_t last) { result.add_slice(begin + first, begin + last); })) {
      if (one.bytes.empty()) continue;
      AlignedPiece whole = piece;
      whole.begin = begin;
      whole.end = static_cast<uint32_t>(result.bytes.size());
      result.pieces.push_back(whole);
    }
  }
  text = std::move(result);
}

// Characters of one kind as the parts of a pattern: each a match by itself.
template <typename Matches>
void character_parts(std::string_view text, Parts& parts, Matches&& matches) {
  parts.clear();
  size_t begin = 0;
  for (size_t at = 0; at < text.size();) {
    const Utf8Character character = utf8_at(text, at);
    const size_t next = at + character.length;
    if (matches(character.code)) {
      if (begin < at) parts.push_back({.begin = begin, .end = at, .match = false});
      parts.push_back({.begin = at, .end = next, .match = true});
      begin = next;
    }
    at = next;
  }
  if (begin < text.size()) parts.push_back({.begin = begin, .end = text.size(), .match = false});
}

}  // namespace infig
