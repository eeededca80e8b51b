#include "text/normal_form.h"

#include <unicode/uchar.h>

#include "text/unicode.h"

namespace infig {
namespace {

std::u32string lower_characters(std::string_view text) {
  std::u32string characters;
  characters.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const Utf8Character character = utf8_at(text, at);
    at += character.length;
    for (const char32_t c : lower_case(character.code)) {
      if (c != 0) characters += c;
    }
  }
  return characters;
}

bool is_space(char32_t c) { return (char_flags(c) & kSpace) != 0; }
bool is_name(char32_t c) { return c == U'_' || (char_flags(c) & (kLetter | kNumber)) != 0; }

bool starts_at(std::u32string_view text, size_t at, std::u32string_view what) { return text.substr(at, what.size()) == what; }

// The number of characters of the URL that begins at `at`; 0 where none does. Tweets run "http" into the word before it, so that one
// counts anywhere; "www." only where a word begins ("awww.").
size_t url_length(std::u32string_view text, size_t at) {
  const bool word_start = at == 0 || !is_name(text[at - 1]);
  if (!starts_at(text, at, U"http://") && !starts_at(text, at, U"https://") && !(word_start && starts_at(text, at, U"www."))) return 0;
  size_t end = at;
  while (end < text.size() && !is_space(text[end])) ++end;
  return end - at;
}

std::u32string without_urls(std::u32string_view text, bool& found) {
  std::u32string rest;
  found = false;
  for (size_t at = 0; at < text.size();) {
    const size_t length = url_length(text, at);
    found = found || length > 0;
    rest += length > 0 ? U' ' : text[at];
    at += length > 0 ? length : 1;
  }
  return rest;
}

// Where the text begins behind any "rt @name:".
size_t behind_retweets(std::u32string_view text) {
  size_t begin = 0;
  for (;;) {
    size_t at = begin;
    while (at < text.size() && is_space(text[at])) ++at;
    if (!starts_at(text, at, U"rt")) return begin;
    size_t name = at + 2;
    while (name < text.size() && is_space(text[name])) ++name;
    if (name == at + 2 || name >= text.size() || text[name] != U'@') return begin;
    size_t end = name + 1;
    while (end < text.size() && is_name(text[end])) ++end;
    if (end == name + 1) return begin;
    begin = end < text.size() && text[end] == U':' ? end + 1 : end;
  }
}

enum class Use { kKeep, kSpace, kDrop };

Use use_of(char32_t c) {
  if (is_space(c) || (char_flags(c) & kPunctuation) != 0) return Use::kSpace;
  const auto mask = U_GET_GC_MASK(static_cast<UChar32>(c));
  if ((mask & U_GC_CF_MASK) != 0) return Use::kDrop;
  return (mask & (U_GC_P_MASK | U_GC_SM_MASK | U_GC_SC_MASK | U_GC_SK_MASK | U_GC_CC_MASK)) != 0 ? Use::kSpace : Use::kKeep;
}

}  // namespace

std::string normal_form(std::string_view text) {
  bool found = false;
  const std::u32string plain = without_urls(lower_characters(text), found);
  std::string form;
  bool gap = false;
  for (size_t at = behind_retweets(plain); at < plain.size(); ++at) {
    const Use use = use_of(plain[at]);
    if (use == Use::kDrop) continue;
    if (use == Use::kSpace) {
      gap = true;
      continue;
    }
    if (gap && !form.empty()) form += ' ';
    gap = false;
    append_utf8(form, plain[at]);
  }
  return form;
}

bool only_urls(std::string_view text) {
  bool found = false;
  const std::u32string rest = without_urls(lower_characters(text), found);
  return found && rest.find_first_not_of(U" \t\n\r\v\f") == std::u32string::npos;
}

bool has_url(std::string_view text) {
  bool found = false;
  without_urls(lower_characters(text), found);
  return found;
}

}  // namespace infig
