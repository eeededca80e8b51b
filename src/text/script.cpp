#include "text/script.h"

#include <unicode/uscript.h>

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "text/unicode.h"

namespace infig {
namespace {

bool is_kana(UScriptCode script) { return script == USCRIPT_HIRAGANA || script == USCRIPT_KATAKANA; }

}  // namespace

std::string dominant_script(std::string_view text) {
  std::vector<std::pair<UScriptCode, int64_t>> counts;  // in order of appearance
  const auto count = [&counts](UScriptCode script) -> int64_t& {
    const auto found = std::find_if(counts.begin(), counts.end(), [script](const auto& one) { return one.first == script; });
    return found != counts.end() ? found->second : counts.emplace_back(script, 0).second;
  };
  bool kana = false;
  for (size_t at = 0; at < text.size();) {
    const Utf8Character character = utf8_at(text, at);
    at += character.length;
    UErrorCode error = U_ZERO_ERROR;
    const UScriptCode script = uscript_getScript(static_cast<UChar32>(character.code), &error);
    if (U_FAILURE(error) || script <= USCRIPT_INHERITED || script == USCRIPT_UNKNOWN) continue;  // common, inherited, unassigned
    kana = kana || is_kana(script);
    ++count(is_kana(script) ? USCRIPT_JAPANESE : script);
  }
  if (counts.empty()) return "none";
  if (kana) {
    // Japanese is written in three scripts at once.
    int64_t han = 0;
    for (auto& [script, number] : counts) {
      if (script == USCRIPT_HAN) std::swap(han, number);
    }
    count(USCRIPT_JAPANESE) += han;
  }
  const auto most = std::max_element(counts.begin(), counts.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  return most->first == USCRIPT_JAPANESE ? "Japanese" : uscript_getName(most->first);
}

int sentence_script(char32_t character) {
  if (character == U' ') return kAnyScript;
  if (character == 0x30FC) return USCRIPT_HAN;
  if (character == 0x589 || character == 0x61C) return USCRIPT_COMMON;  // of other scripts since Unicode 9, as the next ones
  if (character == 0x953 || character == 0x954) return USCRIPT_DEVANAGARI;
  if (!is_assigned_by(character, 9)) return kAnyScript;
  UErrorCode error = U_ZERO_ERROR;
  const UScriptCode script = uscript_getScript(static_cast<UChar32>(character), &error);
  if (U_FAILURE(error) || script == USCRIPT_UNKNOWN) return kAnyScript;
  return is_kana(script) ? USCRIPT_HAN : script;
}

}  // namespace infig
