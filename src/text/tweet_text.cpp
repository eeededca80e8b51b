#include "text/tweet_text.h"

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/emoji_names.h"
#include "text/html_text.h"
#include "text/python_text.h"
#include "text/tweet_words.h"
#include "text/unicode.h"

namespace infig {
namespace {

constexpr std::string_view kCurlyApostrophe = "\u2019", kDots = "\u2026";

void plain_signs(AlignedText& text) {
  for (const auto& [from, to] : {std::pair(kCurlyApostrophe, "'"), std::pair(kDots, "...")}) {
    const std::string_view bytes = text.bytes;
    size_t found = bytes.find(from);
    if (found == std::string_view::npos) continue;
    AlignedText::Replacer replacer(text);
    for (; found != std::string_view::npos; found = bytes.find(from, found + from.size())) replacer.replace(found, found + from.size(), to);
    replacer.finish();
  }
}

// What stands between "&" and ";" as the character it names; empty where it names none, and then nothing is left of it.
std::string entity_text(std::string_view body) {
  // A "#", then an "x" make it a number, each only where something is left behind it. An "x" does so alone, as in "&xi;".
  const bool sign = body.size() > 1 && body[0] == '#';
  if (sign) body.remove_prefix(1);
  const bool hexadecimal = body.size() > 1 && body[0] == 'x';
  if (hexadecimal) body.remove_prefix(1);
  std::string character;
  if (!sign && !hexadecimal) {
    const auto found = html4_names().find(std::string(body));
    return found == html4_names().end() ? "" : found->second;
  }
  const int64_t number = python_code_point(body, hexadecimal ? 16 : 10);
  if (number < 0) return "";
  const auto code = static_cast<char32_t>(number);
  if (code >= 0x80 && code <= 0x9F && windows_1252(code) == code) return "";
  append_utf8(character, code >= 0xD800 && code <= 0xDFFF ? 0xFFFD : windows_1252(code));
  return character;
}

bool is_space_at(std::string_view bytes, size_t at) { return (char_flags(utf8_at(bytes, at).code) & kSpace) != 0; }

void undo_entities(AlignedText& text) {
  const std::string_view bytes = text.bytes;
  size_t at = bytes.find('&');
  if (at == std::string_view::npos) return;
  AlignedText::Replacer replacer(text);
  for (; at != std::string_view::npos; at = bytes.find('&', at)) {
    const size_t begin = at++;
    while (at < bytes.size() && bytes[at] != '&' && bytes[at] != ';' && !is_space_at(bytes, at)) at += utf8_at(bytes, at).length;
    if (at >= bytes.size() || bytes[at] != ';' || at == begin + 1) continue;
    replacer.replace(begin, at + 1, entity_text(bytes.substr(begin + 1, at - begin - 1)), /*whole=*/true);
  }
  replacer.finish();
}

bool is_ascii_letter_or_digit(char32_t code) {
  return (code >= U'0' && code <= U'9') || (code >= U'a' && code <= U'z') || (code >= U'A' && code <= U'Z');
}

// Of a sign that stands more than three times in a row, three.
void shorten_rows(AlignedText& text) {
  AlignedText::Replacer replacer(text);
  const std::string_view bytes = text.bytes;
  for (size_t at = 0; at < bytes.size();) {
    const Utf8Character sign = utf8_at(bytes, at);
    const std::string_view one = bytes.substr(at, sign.length);
    const size_t third = at + 3 * size_t{sign.length};
    size_t end = at + sign.length;
    while (bytes.substr(end, one.size()) == one) end += one.size();
    if (end > third && !is_ascii_letter_or_digit(sign.code)) replacer.replace(third, end, "");
    at = end;
  }
  replacer.finish();
}

bool begins_with(std::string_view word, std::string_view lower) {
  if (word.size() < lower.size()) return false;
  for (size_t i = 0; i < lower.size(); ++i) {
    if ((word[i] >= 'A' && word[i] <= 'Z' ? static_cast<char>(word[i] | 0x20) : word[i]) != lower[i]) return false;
  }
  return true;
}

// What a word becomes; none where it stays.
std::optional<std::string> instead_of(std::string_view word) {
  if (word[0] == '@') return "@USER";
  if (begins_with(word, "http") || begins_with(word, "www")) return "HTTPURL";
  const Utf8Character first = utf8_at(word, 0);
  if (first.length != word.size()) return std::nullopt;
  if (word == kCurlyApostrophe) return "'";
  if (word == kDots) return "...";
  if (first.code == 0xFE0F) return "";  // says that an emoji is shown in colours
  const std::string_view name = emoji_name(first.code);
  return name.empty() ? std::nullopt : std::optional(":" + std::string(name) + ":");
}

void set_words_apart(AlignedText& text) {
  std::vector<TweetWord> words;
  find_tweet_words(text.bytes, words);
  const std::string bytes = text.bytes;
  AlignedText::Replacer replacer(text);
  size_t behind = 0;
  for (const TweetWord& word : words) {
    if (behind > 0 || word.begin > 0) replacer.replace(behind, word.begin, behind > 0 ? " " : "", /*whole=*/true);
    const std::optional<std::string> instead = instead_of(std::string_view(bytes).substr(word.begin, word.end - word.begin));
    if (instead) replacer.replace(word.begin, word.end, *instead, /*whole=*/true);
    behind = word.end;
  }
  replacer.replace(behind, bytes.size(), "");
  replacer.finish();
}

constexpr std::array<std::pair<std::string_view, std::string_view>, 15> kSpacings = {{{"cannot ", "can not "},
                                                                                      {"n't ", " n't "},
                                                                                      {"n 't ", " n't "},
                                                                                      {"ca n't", "can't"},
                                                                                      {"ai n't", "ain't"},
                                                                                      {"'m ", " 'm "},
                                                                                      {"'re ", " 're "},
                                                                                      {"'s ", " 's "},
                                                                                      {"'ll ", " 'll "},
                                                                                      {"'d ", " 'd "},
                                                                                      {"'ve ", " 've "},
                                                                                      {" p . m .", "  p.m."},
                                                                                      {" p . m ", " p.m "},
                                                                                      {" a . m .", " a.m."},
                                                                                      {" a . m ", " a.m "}}};

class TweetNormalizer final : public JsonNormalizer {
 public:
  void apply(AlignedText& text) const override {
    plain_signs(text);
    undo_entities(text);
    shorten_rows(text);
    set_words_apart(text);
    for (const auto& [from, to] : kSpacings) replace_spacing(text, from, to);
    collapse_spaces(text);
  }
};

}  // namespace

std::unique_ptr<JsonNormalizer> make_tweet_normalizer() { return std::make_unique<TweetNormalizer>(); }

}  // namespace infig
