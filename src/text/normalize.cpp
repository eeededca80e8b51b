#include "text/normalize.h"

#include <algorithm>

#include "text/decompose.h"
#include "text/unicode.h"

namespace infig {
namespace {

struct Aligned {
  char32_t code = 0;
  uint32_t source = 0;
};

// The sources of changed characters: those of the text before, consumed in order.
std::vector<Aligned> normal_form_aligned(const std::vector<Aligned>& before, UnicodeForm form) {
  std::vector<Aligned> result;
  std::vector<char32_t> codes;
  for (const Aligned& character : before) codes.push_back(character.code);
  size_t next = 0;
  for (const ChangedCharacter& character : normal_form_of(codes, form)) {
    const size_t from = character.change > 0 && next > 0 ? next - 1 : next;
    result.push_back({.code = character.code, .source = before[std::min(from, before.size() - 1)].source});
    if (character.change <= 0) next += 1 + static_cast<size_t>(-character.change);
  }
  return result;
}

void append_lower(char32_t code, uint16_t flags, uint32_t source, NormalizedText& out) {
  if ((flags & kUpper) == 0) {
    out.append(code, source);
    return;
  }
  const std::array<char32_t, 2> lower = lower_case(code);
  out.append(lower[0], source);
  if (lower[1] != 0) out.append(lower[1], source);
}

class BertNormalizer {
 public:
  BertNormalizer(const BertNormalizerOptions& options, NormalizedText& out) : options_(options), out_(out), table_(char_table()) {}

  // False where marks have to be put into their order first, which the quick way does not do.
  bool quick(std::string_view text, uint32_t& source) {
    for (size_t at = 0; at < text.size(); ++source) {
      const auto byte = static_cast<unsigned char>(text[at]);
      const Utf8Character character = byte < 0x80 ? Utf8Character{.code = byte, .length = 1} : utf8_at(text, at);
      if (!take(character.code, source)) return false;
      at += character.length;
    }
    return true;
  }

  void thorough(std::string_view text, uint32_t& source) {
    std::vector<Aligned> cleaned;
    for (size_t at = 0; at < text.size(); ++source) {
      const Utf8Character character = utf8_at(text, at);
      at += character.length;
      const uint16_t flags = table_[character.code];
      if (options_.clean_text && (flags & kRemoved) != 0) continue;
      const bool apart = options_.tokenize_chinese_chars && (flags & kIdeograph) != 0;
      if (apart) cleaned.push_back({.code = U' ', .source = source});
      cleaned.push_back({.code = options_.clean_text && (flags & kSpace) != 0 ? U' ' : character.code, .source = source});
      if (apart) cleaned.push_back({.code = U' ', .source = source});
    }
    if (cleaned.empty()) return;
    for (const Aligned& character : normal_form_aligned(cleaned, UnicodeForm::kNfd)) {
      const uint16_t flags = table_[character.code];
      if ((flags & kAccent) == 0) emit(character.code, flags, character.source);
    }
  }

 private:
  void emit(char32_t code, uint16_t flags, uint32_t source) {
    if (options_.lower_case) {
      append_lower(code, flags, source, out_);
    } else {
      out_.append(code, source);
    }
  }

  bool take(char32_t code, uint32_t source) {
    const uint16_t flags = table_[code];
    if (options_.clean_text && (flags & (kRemoved | kSpace)) != 0) {
      if ((flags & kRemoved) == 0) out_.append(U' ', source);
      return true;
    }
    const bool apart = options_.tokenize_chinese_chars && (flags & kIdeograph) != 0;
    if (apart) out_.append(U' ', source);
    if (!take_parts(code, flags, source)) return false;
    if (apart) out_.append(U' ', source);
    return true;
  }

  // Where every mark is one that goes, the order of marks does not show.
  bool take_parts(char32_t code, uint16_t flags, uint32_t source) {
    if (!options_.strip_accents || (flags & (kDecomposes | kCombines | kAccent)) == 0) {
      emit(code, flags, source);
      return true;
    }
    CharacterParts parts{};
    const size_t count = decompose(code, parts);
    for (size_t i = 0; i < count; ++i) {
      const uint16_t part = table_[parts[i]];
      if ((part & kAccent) != 0) continue;
      if ((part & kCombines) != 0) return false;
      emit(parts[i], part, source);
    }
    return true;
  }

  const BertNormalizerOptions& options_;
  NormalizedText& out_;
  const CharTable& table_;
};

}  // namespace

void NormalizedText::append(char32_t character, uint32_t from) {
  if (character < 0x80) {
    bytes += static_cast<char>(character);
    source.push_back(from);
    return;
  }
  append_utf8(bytes, character);
  source.resize(bytes.size(), from);
}

uint32_t normalize_bert(std::string_view text, uint32_t first, const BertNormalizerOptions& options, NormalizedText& out) {
  const size_t start = out.bytes.size();
  uint32_t source = first;
  BertNormalizer normalizer(options, out);
  if (normalizer.quick(text, source)) return source;
  out.bytes.resize(start);
  out.source.resize(start);
  source = first;
  normalizer.thorough(text, source);
  return source;
}

uint32_t normalize_clip(std::string_view text, uint32_t first, NormalizedText& out) {
  const CharTable& table = char_table();
  const size_t start = out.bytes.size();
  const auto add = [&](char32_t code, uint32_t from) {
    const uint16_t flags = table[code];
    if ((flags & kSpace) == 0) {
      append_lower(code, flags, from, out);
    } else if (out.bytes.size() == start || out.bytes.back() != ' ') {
      out.append(U' ', from);
    }
  };
  uint32_t source = first;
  size_t at = 0;
  for (; at < text.size(); ++source) {
    const Utf8Character character = utf8_at(text, at);
    if ((table[character.code] & (kCombines | kMayCompose)) != 0) break;
    add(character.code, source);
    at += character.length;
  }
  if (at >= text.size()) return source;
  out.bytes.resize(start);
  out.source.resize(start);
  std::vector<Aligned> characters;
  source = first;
  for (at = 0; at < text.size(); ++source) {
    const Utf8Character character = utf8_at(text, at);
    characters.push_back({.code = character.code, .source = source});
    at += character.length;
  }
  for (const Aligned& character : normal_form_aligned(characters, UnicodeForm::kNfc)) add(character.code, character.source);
  return source;
}

uint32_t normalize_none(std::string_view text, uint32_t first, NormalizedText& out) {
  const size_t start = out.bytes.size();
  out.bytes.append(text);
  out.source.resize(start + text.size());
  uint32_t source = first - 1;
  for (size_t i = 0; i < text.size(); ++i) {
    source += continues_character(text[i]) ? 0 : 1;
    out.source[start + i] = source;
  }
  return source + 1;
}

}  // namespace infig
