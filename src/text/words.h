// Where the words of a normalised text lie.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

#include "text/unicode.h"

namespace infig {

// Bytes of a contraction ("'s", "'re") at `at`; 0 where there is none.
inline size_t contraction_at(std::string_view text, size_t at) {
  if (at + 1 >= text.size() || text[at] != '\'') return 0;
  const char first = text[at + 1], second = at + 2 < text.size() ? text[at + 2] : '\0';
  if (first == 's' || first == 't' || first == 'm' || first == 'd') return 2;
  const bool two = (first == 'r' && second == 'e') || (first == 'v' && second == 'e') || (first == 'l' && second == 'l');
  return two ? 3 : 0;
}

// Reads characters of one class after another.
class ClassReader {
 public:
  explicit ClassReader(std::string_view text) : text_(text), table_(char_table()) {}

  // kSpace, kLetter, kNumber or 0 for the rest.
  uint32_t class_at(size_t at, uint32_t& length) const {
    const auto byte = static_cast<unsigned char>(text_[at]);
    const Utf8Character character = byte < 0x80 ? Utf8Character{.code = byte, .length = 1} : utf8_at(text_, at);
    length = character.length;
    return table_[character.code] & (kSpace | kLetter | kNumber);
  }
  // Where the run of characters of a class ends that reaches to `at`.
  size_t run_end(size_t at, uint32_t kind) const {
    uint32_t length = 0;
    while (at < text_.size() && class_at(at, length) == kind) at += length;
    return at;
  }

 private:
  std::string_view text_;
  const CharTable& table_;
};

// Each of these calls word(begin, end), in bytes, until it returns false.
template <typename Word>
void bert_words(std::string_view text, Word&& word) {
  const CharTable& table = char_table();
  size_t begin = 0;
  for (size_t at = 0; at < text.size();) {
    const auto byte = static_cast<unsigned char>(text[at]);
    const Utf8Character character = byte < 0x80 ? Utf8Character{.code = byte, .length = 1} : utf8_at(text, at);
    const uint16_t flags = table[character.code];
    const size_t next = at + character.length;
    if ((flags & (kSpace | kPunctuation)) != 0) {
      if (begin < at && !word(begin, at)) return;
      if ((flags & kPunctuation) != 0 && !word(at, next)) return;
      begin = next;
    }
    at = next;
  }
  if (begin < text.size()) word(begin, text.size());
}

// 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
template <typename Word>
void byte_level_words(std::string_view text, Word&& word) {
  const ClassReader reader(text);
  for (size_t at = 0; at < text.size();) {
    size_t end = at + contraction_at(text, at);
    if (end == at) {
      uint32_t length = 0;
      uint32_t kind = reader.class_at(at, length);
      size_t start = at + length;
      if (text[at] == ' ' && start < text.size()) {
        const uint32_t behind = reader.class_at(start, length);
        if (behind != kSpace) kind = behind;
      }
      end = reader.run_end(start, kind);
      if (kind == kSpace && end < text.size()) {
        // The last space of a run belongs to the word behind it, unless it is the only one.
        const size_t last = previous_character(text, end);
        if (last > at) end = last;
      }
    }
    if (!word(at, end)) return;
    at = end;
  }
}

// <\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+, what matches by the pattern above again.
template <typename Word>
void clip_words(std::string_view text, Word&& word) {
  const ClassReader reader(text);
  for (size_t at = 0; at < text.size();) {
    for (const std::string_view special : {std::string_view("<|startoftext|>"), std::string_view("<|endoftext|>")}) {
      if (text.substr(at, special.size()) != special) continue;
      const size_t end = at + special.size();
      if (!word(at, at + 2) || !word(at + 2, end - 2) || !word(end - 2, end)) return;
      at = end;
    }
    if (at >= text.size()) return;
    size_t end = at + contraction_at(text, at);
    if (end == at) {
      uint32_t length = 0;
      const uint32_t kind = reader.class_at(at, length);
      end = kind == kNumber ? at + length : reader.run_end(at + length, kind);
      if (kind == kSpace) {
        at = end;
        continue;
      }
    }
    if (!word(at, end)) return;
    at = end;
  }
}

}  // namespace infig
