// How the reference codes clean texts (docs/published-data.md).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace infig {

// A text whose bytes know where they come from.
struct SourcedText {
  std::string bytes = {};
  std::vector<uint32_t> from = {};  // of each byte, its offset in the original text
  void add(char byte, size_t offset) {
    bytes += byte;
    from.push_back(static_cast<uint32_t>(offset));
  }
};
SourcedText sourced(std::string_view text);  // the text itself

enum class TextCleaning {
  kNone,           // as it was decoded
  kUrls,           // remove_urls: TumEmo's raw texts
  kMultiSentiNet,  // clean_multisentinet: MVSA
  kMgnns,          // clean_mgnns: TumEmo
  kHfmCues,        // without_cues: HFM
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
SourcedText clean_multisentinet(const SourcedText& text);

// MGNNS as far as its released texts show it: URLs removed, ASCII lower case, whatever is neither a letter nor a digit of ASCII becomes a
// space (accented letters are thereby split off), words of one or two characters and English stop-words are dropped, one space between
// words. MGNNS also turned nouns into the singular by a lexicon, which is not done here.
std::string clean_mgnns(std::string_view text);
SourcedText clean_mgnns(const SourcedText& text);

// HFM without what gives its label away: every #, every word emoji_N (how its authors write an emoji) and every emoji are deleted, with the
// joiners, selectors and skin tones that belong to them; (c), (R) and TM signs stay. Words then have one space between them and none at the
// ends, in every text, so that a doubled space does not tell where a cue was.
std::string without_cues(std::string_view text);

}  // namespace infig
