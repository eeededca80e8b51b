#include "text/open_clip_text.h"

#include <unicode/locid.h>
#include <unicode/unistr.h>

#include <algorithm>
#include <string>

#include "text/decompose.h"
#include "text/html_text.h"
#include "text/python_text.h"
#include "text/unicode.h"

namespace infig {
namespace {

std::string upper_case_text(const std::string& text) {
  const icu::UnicodeString unicode = icu::UnicodeString::fromUTF8(text);
  std::string upper;
  icu::UnicodeString(unicode).toUpper(icu::Locale::getRoot()).toUTF8String(upper);
  return upper;
}

bool begins_with_name(const std::string& text) {
  for (size_t length = text.size(); length > 1; --length) {
    if (html_names().contains(text.substr(0, length))) return true;
  }
  return false;
}

// Those of ftfy: with a semicolon, and of names in small letters also in capitals where that means nothing else.
const HtmlNames& repair_names() {
  static const HtmlNames kNames = [] {
    HtmlNames names;
    for (const auto& [name, characters] : html_names()) {
      if (!name.ends_with(';')) continue;
      names[name] = characters;
      std::string capitals = name;
      for (char& letter : capitals) letter = letter >= 'a' && letter <= 'z' ? static_cast<char>(letter - 32) : letter;
      const bool small = std::none_of(name.begin(), name.end(), [](char letter) { return letter >= 'A' && letter <= 'Z'; });
      if (small && !begins_with_name(capitals)) names[capitals] = upper_case_text(characters);
    }
    return names;
  }();
  return kNames;
}

bool is_ascii_digit(char letter) { return letter >= '0' && letter <= '9'; }

// ftfy's entities.
void repair_entities(AlignedText& text) {
  AlignedText::Replacer replacer(text);
  bool changed = false;
  const std::string_view bytes = text.bytes;
  for (size_t at = bytes.find('&'); at != std::string_view::npos; at = bytes.find('&', at)) {
    const size_t begin = at++;
    const bool number = at < bytes.size() && bytes[at] == '#';
    size_t end = at + (number ? 1 : 0);
    const size_t first = end;
    while (end < bytes.size() && end - first < 24 && (is_ascii_digit(bytes[end]) || ((bytes[end] | 32) >= 'a' && (bytes[end] | 32) <= 'z')))
      ++end;
    if (end == first || end >= bytes.size() || bytes[end] != ';') continue;
    ++end;
    std::string content;
    if (number) {
      char32_t code = 0;
      if (html_number_end(bytes, first, code) != end) continue;
      content = html_number_text(code);
      if (content == ";") continue;
    } else {
      const auto found = repair_names().find(std::string(bytes.substr(at, end - at)));
      if (found == repair_names().end()) continue;
      content = found->second;
    }
    replacer.replace(begin, end, content, /*whole=*/true);
    changed = true;
    at = end;
  }
  if (changed) replacer.finish();
}

const char* ligature(char32_t code) {
  switch (code) {
    case 0x132:
      return "IJ";
    case 0x133:
      return "ij";
    case 0x149:
      return "\u02BCn";
    case 0x1F1:
      return "DZ";
    case 0x1F2:
      return "Dz";
    case 0x1F3:
      return "dz";
    case 0x1C4:
      return "D\u017D";
    case 0x1C5:
      return "D\u017E";
    case 0x1C6:
      return "d\u017E";
    case 0x1C7:
      return "LJ";
    case 0x1C8:
      return "Lj";
    case 0x1C9:
      return "lj";
    case 0x1CA:
      return "NJ";
    case 0x1CB:
      return "Nj";
    case 0x1CC:
      return "nj";
    case 0xFB00:
      return "ff";
    case 0xFB01:
      return "fi";
    case 0xFB02:
      return "fl";
    case 0xFB03:
      return "ffi";
    case 0xFB04:
      return "ffl";
    case 0xFB05:
      return "\u017Ft";
    case 0xFB06:
      return "st";
    default:
      return nullptr;
  }
}

bool is_dropped_control(char32_t code) {
  return code < 9 || code == 0xB || (code >= 0xE && code < 0x20) || code == 0x7F || (code >= 0x206A && code < 0x2070) || code == 0xFEFF ||
         (code >= 0xFFF9 && code < 0xFFFD);
}

std::string repaired_character(char32_t code) {
  std::string text;
  if (code >= 0x80 && code <= 0x9F) code = windows_1252(code);
  if (const char* letters = ligature(code); letters != nullptr) {
    text = letters;
  } else if (code == 0x3000) {
    text = " ";
  } else if (code >= 0xFF01 && code <= 0xFFEF) {
    for (const ChangedCharacter& one : normal_form_of({code}, UnicodeForm::kNfkc)) append_utf8(text, one.code);
  } else {
    append_utf8(text, code);
  }
  std::string result;
  for (size_t at = 0; at < text.size();) {
    const Utf8Character character = utf8_at(text, at);
    at += character.length;
    char32_t one = character.code;
    if (one == 0x2BC || (one >= 0x2018 && one <= 0x201B)) one = U'\'';
    if (one >= 0x201C && one <= 0x201F) one = U'"';
    if (one == U'\r' || one == 0x2028 || one == 0x2029 || one == 0x85) one = U'\n';
    append_utf8(result, one);
  }
  return result;
}

void drop_terminal_colours(AlignedText& text) {
  AlignedText::Replacer replacer(text);
  const std::string_view bytes = text.bytes;
  for (size_t at = bytes.find("\033["); at != std::string_view::npos; at = bytes.find("\033[", at + 1)) {
    size_t end = at + 2;
    while (end < bytes.size() && (is_ascii_digit(bytes[end]) || bytes[end] == ';')) ++end;
    if (end < bytes.size() && (bytes[end] | 32) >= 'a' && (bytes[end] | 32) <= 'z') replacer.replace(at, end + 1, "", /*whole=*/true);
  }
  replacer.finish();
}

template <typename Map>
void replace_characters(AlignedText& text, Map&& map) {
  AlignedText::Replacer replacer(text);
  const std::string_view bytes = text.bytes;
  for (size_t at = 0; at < bytes.size();) {
    const Utf8Character character = utf8_at(bytes, at);
    if (const std::string content = map(character.code); content != bytes.substr(at, character.length))
      replacer.replace(at, at + character.length, content, /*whole=*/true);
    at += character.length;
  }
  replacer.finish();
}

void to_nfc(AlignedText& text) {
  std::vector<char32_t> codes;
  for (size_t at = 0; at < text.bytes.size();) {
    const Utf8Character character = utf8_at(text.bytes, at);
    codes.push_back(character.code);
    at += character.length;
  }
  std::vector<TextChange> changes;
  for (const ChangedCharacter& one : normal_form_of(codes, UnicodeForm::kNfc)) changes.push_back({.code = one.code, .change = one.change});
  text.transform(changes);
}

bool is_plain(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char byte) { return static_cast<unsigned char>(byte) < 0x7F && static_cast<unsigned char>(byte) >= 0x20; });
}

void repair_part(AlignedText& text, bool entities) {
  for (bool changed = true; changed;) {
    const std::string before = text.bytes;
    if (entities) repair_entities(text);
    if (!is_plain(text.bytes)) {
      replace_characters(text, repaired_character);
      drop_terminal_colours(text);
      replace_characters(text, [](char32_t code) {
        std::string kept;
        if (!is_dropped_control(code)) append_utf8(kept, code);
        return kept;
      });
      to_nfc(text);
    }
    changed = text.bytes != before;
  }
}

// ftfy.fix_text. From the first line with "<" on entities stay.
void repair(AlignedText& text) {
  const size_t bracket = text.bytes.find('<');
  const size_t line = bracket == std::string::npos ? std::string::npos : text.bytes.rfind('\n', bracket);
  if (line == std::string::npos) return repair_part(text, bracket == std::string::npos);
  AlignedText head, tail;
  head.assign(text, 0, line + 1);
  tail.assign(text, line + 1, text.bytes.size());
  head.limit = tail.limit = text.limit;
  repair_part(head, true);
  repair_part(tail, false);
  text.bytes = head.bytes + tail.bytes;
  text.source = std::move(head.source);
  text.source.insert(text.source.end(), tail.source.begin(), tail.source.end());
}

class OpenClipNormalizer final : public JsonNormalizer {
 public:
  void apply(AlignedText& text) const override {
    repair(text);
    html_unescape(text);
    html_unescape(text);
    collapse_spaces(text);
    python_lower(text);
  }
};

}  // namespace

std::unique_ptr<JsonNormalizer> make_open_clip_normalizer() { return std::make_unique<OpenClipNormalizer>(); }

}  // namespace infig
