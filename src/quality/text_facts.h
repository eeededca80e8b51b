// Properties of texts that need no model: oddities, scripts, lengths.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "data/post.h"
#include "text/tokenizer.h"

namespace infig {

enum class OddText {
  kEmpty,         // no text, or white space alone
  kOnlyUrls,      // a URL and nothing else
  kControl,       // control characters other than tab and line ends
  kReplacement,   // U+FFFD: bytes that were not text were replaced
  kPrivateUse,    // private use characters and noncharacters: the old emoji of some telephones
  kMojibake,      // suspicion: UTF-8 read as Windows-1252 ("donâ€™t", "cafÃ©")
  kHtmlEscapes,   // "&amp;", "&#39;": as interfaces hand texts out; prepare --unescape undoes them
  kMixedScripts,  // suspicion: a Latin letter beside one of Greek, Cyrillic, Hebrew, Arabic, ... (U+0370 to U+07FF) in one word
};
const char* odd_text_name(OddText kind);  // "empty", "only URLs", ...

// The kinds that hold of a text, in the order above.
std::vector<OddText> odd_kinds(std::string_view text);

// Parts between white space.
int64_t count_words(std::string_view text);

struct LengthSummary {
  int64_t count = 0;
  double mean = 0;
  int64_t median = 0, p95 = 0, p99 = 0, longest = 0;  // the smallest value that at least that share does not exceed
};
LengthSummary summarise_lengths(std::vector<int32_t> lengths);

struct TextFacts {
  std::map<OddText, std::vector<int64_t>> odd;  // rows, ascending
  std::map<std::string, int64_t> scripts;       // posts with a text by dominant_script()
  std::vector<int32_t> words;                   // [posts], 0 without a text
  std::vector<int32_t> tokens;                  // [posts], special ones included, uncut; empty without a tokenizer
};

// `tokenizer` may be null. Shows a progress bar; the same result for any number of threads.
TextFacts collect_text_facts(const std::vector<Post>& posts, const Tokenizer* tokenizer, int64_t threads);

}  // namespace infig
