#include "text/html_text.h"

#include <algorithm>
#include <array>
#include <cstdlib>

#include "text/html_entities.h"
#include "text/unicode.h"

namespace infig {
namespace {

constexpr std::array<char32_t, 32> kWindows1252 = {0x20AC, 0x81,   0x201A, 0x192,  0x201E, 0x2026, 0x2020, 0x2021, 0x2C6,  0x2030, 0x160,
                                                   0x2039, 0x152,  0x8D,   0x17D,  0x8F,   0x90,   0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
                                                   0x2013, 0x2014, 0x2DC,  0x2122, 0x161,  0x203A, 0x153,  0x9D,   0x17E,  0x178};

bool is_digit(char letter, bool hexadecimal) {
  return (letter >= '0' && letter <= '9') || (hexadecimal && ((letter >= 'a' && letter <= 'f') || (letter >= 'A' && letter <= 'F')));
}

HtmlNames names_in(std::string_view left) {
  HtmlNames names;
  while (!left.empty()) {
    const size_t space = left.find(' '), equals = left.find('=');
    std::string characters;
    for (size_t at = equals; at < space; at = left.find_first_of(", ", at + 1)) {
      append_utf8(characters, static_cast<char32_t>(std::strtoul(left.data() + at + 1, nullptr, 16)));
    }
    names.emplace(left.substr(0, equals), characters);
    left.remove_prefix(space + 1);
  }
  return names;
}

}  // namespace

const HtmlNames& html_names() {
  static const HtmlNames kNames = names_in(kHtmlEntities);
  return kNames;
}

const HtmlNames& html4_names() {
  static const HtmlNames kNames = names_in(kHtml4Entities);
  return kNames;
}

char32_t windows_1252(char32_t code) { return code >= 0x80 && code <= 0x9F ? kWindows1252[code - 0x80] : code; }

size_t html_number_end(std::string_view text, size_t at, char32_t& code) {
  const bool hexadecimal = at < text.size() && (text[at] == 'x' || text[at] == 'X');
  size_t end = at + (hexadecimal ? 1 : 0);
  const size_t first = end;
  uint64_t value = 0;
  for (; end < text.size() && is_digit(text[end], hexadecimal); ++end) {
    const char digit = text[end];
    const auto number = static_cast<uint64_t>(digit <= '9' ? digit - '0' : (digit | 32) - 'a' + 10);
    value = std::min<uint64_t>(value * (hexadecimal ? 16 : 10) + number, 0x7FFFFFFF);
  }
  if (end == first) return std::string_view::npos;
  code = static_cast<char32_t>(value);
  return end < text.size() && text[end] == ';' ? end + 1 : end;
}

std::string html_number_text(char32_t code) {
  std::string text;
  if (code == 0 || (code >= 0xD800 && code <= 0xDFFF) || code > 0x10FFFF) {
    append_utf8(text, 0xFFFD);
  } else if (code == 0x0D) {
    text = "\r";
  } else if (code >= 0x80 && code <= 0x9F) {
    append_utf8(text, kWindows1252[code - 0x80]);
  } else {
    const bool invalid = (code >= 1 && code <= 8) || code == 0xB || (code >= 0xE && code <= 0x1F) || code == 0x7F ||
                         (code >= 0xFDD0 && code <= 0xFDEF) || (code & 0xFFFE) == 0xFFFE;
    if (!invalid) append_utf8(text, code);
  }
  return text;
}

void html_unescape(AlignedText& text) {
  AlignedText::Replacer replacer(text);
  bool changed = false;
  const std::string_view bytes = text.bytes;
  for (size_t at = bytes.find('&'); at != std::string_view::npos; at = bytes.find('&', at)) {
    const size_t begin = at++;
    if (at < bytes.size() && bytes[at] == '#') {
      char32_t code = 0;
      const size_t end = html_number_end(bytes, at + 1, code);
      if (end == std::string_view::npos) continue;
      replacer.replace(begin, end, html_number_text(code), /*whole=*/true);
      changed = true;
      at = end;
      continue;
    }
    size_t end = at;
    for (int count = 0; count < 32 && end < bytes.size() && std::string_view("\t\n\f <&#;").find(bytes[end]) == std::string_view::npos;
         ++count)
      end += utf8_at(bytes, end).length;
    if (end == at) continue;
    if (end < bytes.size() && bytes[end] == ';') ++end;
    for (size_t stop = end; stop > at + 1; --stop) {
      const auto found = html_names().find(std::string(bytes.substr(at, stop - at)));
      if (found == html_names().end()) continue;
      replacer.replace(begin, stop, found->second, /*whole=*/true);
      changed = true;
      break;
    }
    at = end;
  }
  if (changed) replacer.finish();
}

std::string html_unescape(std::string_view text) {
  if (text.find('&') == std::string_view::npos) return std::string(text);
  AlignedText aligned;
  aligned.assign(text, 0);
  html_unescape(aligned);
  return aligned.bytes;
}

}  // namespace infig
