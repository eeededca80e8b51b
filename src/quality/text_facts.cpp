#include "quality/text_facts.h"

#include <unicode/uchar.h>
#include <unicode/uscript.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <mutex>
#include <numeric>

#include "core/parallel.h"
#include "core/progress.h"
#include "data/utf8.h"
#include "text/html_text.h"
#include "text/normal_form.h"
#include "text/script.h"
#include "text/unicode.h"

namespace infig {
namespace {

// What Windows-1252 shows for the bytes 0x80 to 0x9F; 0 where it shows nothing.
constexpr char32_t kWindows[32] = {0x20AC, 0,      0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
                                   0x2039, 0x0152, 0,      0x017D, 0,      0,      0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
                                   0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0,      0x017E, 0x0178};

// The byte that Windows-1252 or Latin-1 shows as `c`; 0 where it is none above 0x7F.
uint8_t shown_byte(char32_t c) {
  if (c >= 0x80 && c <= 0xFF) return static_cast<uint8_t>(c);
  const auto* found = std::find(std::begin(kWindows), std::end(kWindows), c);
  return found != std::end(kWindows) && c != 0 ? static_cast<uint8_t>(0x80 + (found - std::begin(kWindows))) : 0;
}

// Letters that are UTF-8 read as Windows-1252. "Â" and "Ã" before a continuation byte are enough, as are sequences of three and four bytes;
// of the other lead bytes two in a row are required, since accented capitals also precede quotation marks in valid texts.
bool looks_like_mojibake(const std::u32string& text) {
  std::string bytes(text.size(), '\0');
  for (size_t i = 0; i < text.size(); ++i) bytes[i] = static_cast<char>(shown_byte(text[i]));
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (bytes[i] == 0) continue;
    const size_t length = utf8_sequence_length(bytes, i);
    if (length < 2) continue;
    const auto lead = static_cast<unsigned char>(bytes[i]);
    if (length > 2 || lead == 0xC2 || lead == 0xC3) return true;
    if (i + 2 < bytes.size() && bytes[i + 2] != 0 && utf8_sequence_length(bytes, i + 2) == 2) return true;
  }
  return false;
}

UScriptCode script_of(char32_t c) {
  UErrorCode error = U_ZERO_ERROR;
  return uscript_getScript(static_cast<UChar32>(c), &error);
}

bool is_letter(char32_t c) { return (char_flags(c) & kLetter) != 0; }

bool mixes_scripts(const std::u32string& text) {
  const auto foreign = [](char32_t c) { return c >= 0x370 && c <= 0x7FF && is_letter(c); };
  const auto latin = [](char32_t c) { return is_letter(c) && script_of(c) == USCRIPT_LATIN; };
  for (size_t i = 1; i < text.size(); ++i) {
    if ((foreign(text[i]) && latin(text[i - 1])) || (latin(text[i]) && foreign(text[i - 1]))) return true;
  }
  return false;
}

// References with their semicolon alone: "AT&T" and "?a=1&copy=2" are none.
bool has_html_escapes(std::string_view text) {
  for (size_t at = text.find('&'); at != std::string_view::npos; at = text.find('&', at + 1)) {
    constexpr size_t kLongest = 33;
    const size_t end = text.find(';', at);
    if (end == std::string_view::npos) return false;
    if (end - at > kLongest) continue;
    const std::string_view reference = text.substr(at, end - at + 1);
    const std::string plain = html_unescape(reference);
    if (plain != reference && !plain.ends_with(';')) return true;
  }
  return false;
}

std::u32string characters_of(std::string_view text) {
  std::u32string characters;
  for (size_t at = 0; at < text.size();) {
    const Utf8Character character = utf8_at(text, at);
    characters += character.code;
    at += character.length;
  }
  return characters;
}

bool is_control(char32_t c) { return c != U'\t' && c != U'\n' && c != U'\r' && U_GET_GC_MASK(static_cast<UChar32>(c)) == U_GC_CC_MASK; }
bool is_private(char32_t c) {
  return U_GET_GC_MASK(static_cast<UChar32>(c)) == U_GC_CO_MASK || (c >= 0xFDD0 && c <= 0xFDEF) || (c & 0xFFFE) == 0xFFFE;
}

}  // namespace

const char* odd_text_name(OddText kind) {
  switch (kind) {
    case OddText::kEmpty:
      return "empty";
    case OddText::kOnlyUrls:
      return "only URLs";
    case OddText::kControl:
      return "control characters";
    case OddText::kReplacement:
      return "replacement characters";
    case OddText::kPrivateUse:
      return "private use characters";
    case OddText::kMojibake:
      return "looks like mojibake";
    case OddText::kHtmlEscapes:
      return "HTML escapes (&amp; ...)";
    case OddText::kMixedScripts:
      return "scripts mixed in a word";
  }
  return "unknown kind";
}

std::vector<OddText> odd_kinds(std::string_view text) {
  const std::u32string characters = characters_of(text);
  const auto any = [&](auto&& test) { return std::any_of(characters.begin(), characters.end(), test); };
  if (!any([](char32_t c) { return (char_flags(c) & kSpace) == 0; })) return {OddText::kEmpty};
  std::vector<OddText> kinds;
  if (only_urls(text)) kinds.push_back(OddText::kOnlyUrls);
  if (any(is_control)) kinds.push_back(OddText::kControl);
  if (any([](char32_t c) { return c == 0xFFFD; })) kinds.push_back(OddText::kReplacement);
  if (any(is_private)) kinds.push_back(OddText::kPrivateUse);
  if (looks_like_mojibake(characters)) kinds.push_back(OddText::kMojibake);
  if (has_html_escapes(text)) kinds.push_back(OddText::kHtmlEscapes);
  if (mixes_scripts(characters)) kinds.push_back(OddText::kMixedScripts);
  return kinds;
}

int64_t count_words(std::string_view text) {
  int64_t words = 0;
  bool inside = false;
  for (size_t at = 0; at < text.size();) {
    const Utf8Character character = utf8_at(text, at);
    at += character.length;
    const bool space = (char_flags(character.code) & kSpace) != 0;
    words += !space && !inside ? 1 : 0;
    inside = !space;
  }
  return words;
}

LengthSummary summarise_lengths(std::vector<int32_t> lengths) {
  LengthSummary summary{.count = static_cast<int64_t>(lengths.size())};
  if (lengths.empty()) return summary;
  std::sort(lengths.begin(), lengths.end());
  summary.mean = std::accumulate(lengths.begin(), lengths.end(), 0.0) / static_cast<double>(lengths.size());
  const auto quantile = [&](double share) {
    const auto place = static_cast<int64_t>(std::ceil(share * static_cast<double>(lengths.size()))) - 1;
    return int64_t{lengths[static_cast<size_t>(std::max<int64_t>(place, 0))]};
  };
  summary.median = quantile(0.5);
  summary.p95 = quantile(0.95);
  summary.p99 = quantile(0.99);
  summary.longest = lengths.back();
  return summary;
}

TextFacts collect_text_facts(const std::vector<Post>& posts, const Tokenizer* tokenizer, int64_t threads) {
  constexpr int64_t kBlock = 256;
  const auto count = static_cast<int64_t>(posts.size());
  TextFacts facts;
  facts.words.resize(posts.size());
  if (tokenizer != nullptr) facts.tokens.resize(posts.size());
  ProgressBar bar("texts", count, "texts");
  std::mutex mutex;
  int64_t done = 0;
  parallel_for((count + kBlock - 1) / kBlock, threads, [&](int64_t block) {
    std::map<OddText, std::vector<int64_t>> odd;
    std::map<std::string, int64_t> scripts;
    std::vector<TokenSpan> spans;
    const int64_t end = std::min(count, (block + 1) * kBlock);
    for (int64_t row = block * kBlock; row < end; ++row) {
      const auto place = static_cast<size_t>(row);
      const std::string& text = posts[place].text;
      for (const OddText kind : odd_kinds(text)) odd[kind].push_back(row);
      if (!text.empty()) ++scripts[dominant_script(text)];
      facts.words[place] = static_cast<int32_t>(count_words(text));
      if (tokenizer == nullptr) continue;
      tokenizer->encode_spans(text, 0, spans);
      facts.tokens[place] = static_cast<int32_t>(spans.size());
    }
    const std::lock_guard<std::mutex> lock(mutex);
    for (auto& [kind, rows] : odd) facts.odd[kind].insert(facts.odd[kind].end(), rows.begin(), rows.end());
    for (const auto& [script, texts] : scripts) facts.scripts[script] += texts;
    bar.update(done += end - block * kBlock);
  });
  for (auto& [kind, rows] : facts.odd) std::sort(rows.begin(), rows.end());
  return facts;
}

}  // namespace infig
