#include "text/python_text.h"

#include <unicode/uchar.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "text/unicode.h"

namespace infig {
namespace {

// Whether a sigma at `at` ends its word: behind a cased letter and before none, characters that case ignores aside.
bool is_final_sigma(std::string_view text, size_t at) {
  const auto kind = [](char32_t code) {
    if (u_hasBinaryProperty(static_cast<UChar32>(code), UCHAR_CASE_IGNORABLE) != 0) return 0;
    return u_hasBinaryProperty(static_cast<UChar32>(code), UCHAR_CASED) != 0 ? 1 : 2;
  };
  int before = 2, behind = 2;
  for (size_t place = at; place > 0;) {
    place = previous_character(text, place);
    before = kind(utf8_at(text, place).code);
    if (before != 0) break;
  }
  for (size_t place = at + 2; place < text.size(); place += utf8_at(text, place).length) {
    behind = kind(utf8_at(text, place).code);
    if (behind != 0) break;
  }
  return before == 1 && behind != 1;
}

// The value of a digit of any script as Python's int reads it; -1 where it is none.
int python_digit(char32_t code) {
  if (code < 0x80)
    return code >= U'0' && code <= U'9'   ? static_cast<int>(code - U'0')
           : code >= U'a' && code <= U'z' ? static_cast<int>(code - U'a' + 10)
           : code >= U'A' && code <= U'Z' ? static_cast<int>(code - U'A' + 10)
                                          : -1;
  return u_charType(static_cast<UChar32>(code)) == U_DECIMAL_DIGIT_NUMBER ? u_charDigitValue(static_cast<UChar32>(code)) : -1;
}

}  // namespace

bool is_python_space(char32_t code) { return (char_flags(code) & kSpace) != 0 || (code >= 0x1C && code <= 0x1F); }

void collapse_spaces(AlignedText& text) {
  AlignedText::Replacer replacer(text);
  const std::string_view bytes = text.bytes;
  for (size_t at = 0; at < bytes.size();) {
    const size_t begin = at;
    while (at < bytes.size() && is_python_space(utf8_at(bytes, at).code)) at += utf8_at(bytes, at).length;
    if (at > begin) {
      const bool inside = begin > 0 && at < bytes.size();
      replacer.replace(begin, at, inside ? " " : "", /*whole=*/true);
    } else {
      at += utf8_at(bytes, at).length;
    }
  }
  replacer.finish();
}

void python_lower(AlignedText& text) {
  std::vector<TextChange> changes;
  for (size_t at = 0; at < text.bytes.size();) {
    const Utf8Character character = utf8_at(text.bytes, at);
    std::array<char32_t, 2> lower = {character.code, 0};
    if (character.code == 0x3A3) {
      lower[0] = is_final_sigma(text.bytes, at) ? 0x3C2 : 0x3C3;
    } else if ((char_flags(character.code) & kUpper) != 0) {
      lower = lower_case(character.code);
    }
    changes.push_back({.code = lower[0], .change = 0});
    if (lower[1] != 0) changes.push_back({.code = lower[1], .change = 1});
    at += character.length;
  }
  text.transform(changes);
}

void replace_spacing(AlignedText& text, std::string_view from, std::string_view to) {
  const std::string_view bytes = text.bytes;
  size_t found = bytes.find(from);
  if (found == std::string_view::npos) return;
  AlignedText::Replacer replacer(text);
  for (; found != std::string_view::npos; found = bytes.find(from, found + from.size())) {
    size_t at = 0;
    for (const char wanted : to) {
      while (from[at] == ' ' && wanted != ' ') {
        replacer.replace(found + at, found + at + 1, "");
        ++at;
      }
      if (from[at] == wanted) {
        ++at;
      } else {
        replacer.replace(found + at, found + at, " ");
      }
    }
  }
  replacer.finish();
}

int64_t python_code_point(std::string_view text, int base) {
  constexpr int64_t kLast = 0x10FFFF;
  std::u32string letters;
  for (size_t at = 0; at < text.size();) {
    const Utf8Character character = utf8_at(text, at);
    letters += character.code;
    at += character.length;
  }
  size_t at = 0, end = letters.size();
  while (at < end && is_python_space(letters[at])) ++at;
  while (end > at && is_python_space(letters[end - 1])) --end;
  const bool negative = at < end && letters[at] == U'-';
  if (at < end && (letters[at] == U'+' || negative)) ++at;
  bool prefixed = false;
  if (base == 16 && end - at >= 2 && letters[at] == U'0' && (letters[at + 1] | 0x20) == U'x') {
    at += 2;
    prefixed = true;
  }
  int64_t value = 0;
  bool digit = prefixed;  // an underscore stands behind a digit or the prefix
  if (at == end) return -1;
  for (; at < end; ++at) {
    if (letters[at] == U'_') {
      if (!digit) return -1;
      digit = false;
      continue;
    }
    const int one = python_digit(letters[at]);
    if (one < 0 || one >= base) return -1;
    value = std::min<int64_t>(value * base + one, kLast + 1);
    digit = true;
  }
  return digit && value <= kLast && (!negative || value == 0) ? value : -1;
}

}  // namespace infig
