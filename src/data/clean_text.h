// How the reference codes clean texts (docs/published-data.md).
#pragma once

#include <string>
#include <string_view>

namespace infig {

enum class TextCleaning {
  kNone,           // as it was decoded
  kUrls,           // remove_urls: TumEmo's raw texts
  kMultiSentiNet,  // clean_multisentinet: MVSA
  kMgnns,          // clean_mgnns: TumEmo
};

// What is written on record: "none", "urls removed", ...
const char* text_cleaning_name(TextCleaning cleaning);
std::string clean_text(std::string_view text, TextCleaning cleaning);

// Without http://..., https://... and www.... up to the next white space, and without the white space behind one that had some before it.
std::string remove_urls(std::string_view text);

// MultiSentiNet: white space at both ends, then every # and every @ with the ASCII letters and digits behind it, then every http, https or
// ftp URL that has a host with a top-level domain of 2 to 6 letters or an IPv4 address (port and path with it) is deleted. What surrounded
// them stays as it was, so spaces may be doubled. A text of nothing else becomes empty.
std::string clean_multisentinet(std::string_view text);

// MGNNS as far as its released texts show it: URLs removed, ASCII lower case, whatever is neither a letter nor a digit of ASCII becomes a
// space (accented letters are thereby split off), words of one or two characters and English stop-words are dropped, one space between
// words. MGNNS also turned nouns into the singular by a lexicon, which is not done here.
std::string clean_mgnns(std::string_view text);

}  // namespace infig
