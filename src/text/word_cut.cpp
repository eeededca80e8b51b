#include "text/word_cut.h"

#include <fmt/format.h>

#include <array>
#include <utility>
#include <vector>

#include "core/error.h"
#include "text/clean_text.h"
#include "text/unicode.h"

namespace infig {
namespace {

constexpr std::array<std::pair<WordCut, const char*>, 4> kCuts = {
    {{WordCut::kNone, "none"}, {WordCut::kLower, "lower"}, {WordCut::kMultiSentiNet, "multisentinet"}, {WordCut::kMgnns, "mgnns"}}};

// What Keras' Tokenizer takes out.
constexpr std::string_view kKerasFilter = "!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n";

enum class CharacterRole { kPart, kSpace, kAlone };

CharacterRole role_of(char32_t character, WordCut cut) {
  const uint16_t flags = char_flags(character);
  switch (cut) {
    case WordCut::kMultiSentiNet:
    case WordCut::kMgnns:
      if (character == ' ') return CharacterRole::kSpace;
      return cut == WordCut::kMultiSentiNet && character < 0x80 && kKerasFilter.find(static_cast<char>(character)) != std::string_view::npos
                 ? CharacterRole::kSpace
                 : CharacterRole::kPart;
    case WordCut::kLower:
      if ((flags & kPunctuation) != 0) return CharacterRole::kAlone;
      break;
    case WordCut::kNone:
      break;
  }
  return (flags & kSpace) != 0 ? CharacterRole::kSpace : CharacterRole::kPart;
}

// Numbers of the code points at which bytes of a text lie.
std::vector<int32_t> code_points_of(std::string_view text) {
  std::vector<int32_t> numbers(text.size());
  int32_t number = 0;
  for (size_t at = 0; at < text.size(); ++number) {
    const size_t end = at + utf8_at(text, at).length;
    for (; at < end; ++at) numbers[at] = number;
  }
  return numbers;
}

// A word that grows character by character.
struct GrowingWord {
  std::string word = {};
  int32_t begin = 0, end = 0;
  void add(char32_t character, int32_t number, bool lower) {
    if (word.empty()) begin = number;
    end = number + 1;
    if (!lower || (char_flags(character) & kUpper) == 0) return append_utf8(word, character);
    for (const char32_t one : lower_case(character)) {
      if (one != 0) append_utf8(word, one);
    }
  }
};

}  // namespace

const char* word_cut_name(WordCut cut) {
  for (const auto& [one, name] : kCuts) {
    if (one == cut) return name;
  }
  return "";
}

WordCut parse_word_cut(const std::string& name) {
  for (const auto& [cut, known] : kCuts) {
    if (name == known) return cut;
  }
  throw ConfigError(fmt::format("words.clean: is \"{}\"; allowed are none, lower, multisentinet, mgnns", name));
}

void cut_words(std::string_view text, WordCut cut, const WordSink& word) {
  SourcedText seen = sourced(text);
  if (cut == WordCut::kMultiSentiNet) seen = clean_multisentinet(seen);
  if (cut == WordCut::kMgnns) seen = clean_mgnns(seen);
  const std::vector<int32_t> numbers = code_points_of(text);
  const bool lower = cut == WordCut::kLower || cut == WordCut::kMultiSentiNet;
  GrowingWord growing;
  const auto finish = [&] {
    const bool more = growing.word.empty() || word(growing.word, growing.begin, growing.end);
    growing = {};
    return more;
  };
  for (size_t at = 0; at < seen.bytes.size();) {
    const Utf8Character character = utf8_at(seen.bytes, at);
    const int32_t number = numbers[seen.from[at]];
    at += character.length;
    const CharacterRole role = role_of(character.code, cut);
    if (role != CharacterRole::kPart && !finish()) return;
    if (role == CharacterRole::kSpace) continue;
    growing.add(character.code, number, lower);
    if (role == CharacterRole::kAlone && !finish()) return;
  }
  finish();
}

}  // namespace infig
