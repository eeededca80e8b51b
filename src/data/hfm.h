// HFM (Cai et al. 2019), the multimodal sarcasm of Twitter, as its authors publish it (docs/published-data.md).
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace infig {

// The labels in id order: not_sarcastic, sarcastic. (The authors' F1 is that of sarcastic; other papers call the two positive and
// negative.)
const std::vector<std::string>& hfm_labels();

// The words that drop a post: those by which a collector of tweets would have found sarcasm, and <url>.
const std::vector<std::string>& hfm_filter_words();

// Those that occur in a text as whole words between white space, each once, in the order of hfm_filter_words().
std::vector<std::string> hfm_filter_hits(std::string_view text);

// One row of text/train.txt ['<id>', <text>, label] or of text/valid2.txt and text/test2.txt ['<id>', <text>, hashtag label, human label].
struct HfmRow {
  std::string id;
  std::string text;
  int64_t hashtag_label = 0;  // whether the author tagged the post as sarcastic
  int64_t label_id = 0;       // the last element, which is the one used (in valid2 and test2 a human judgement)
  int64_t line = 0;           // 1-based
};

// Reads one row; `place` is file and row, `line` its number. Throws DataError with place and column for what is no list literal
// (python_literal.h), and with place for another number of elements, an element of another type, a label that is neither 0 nor 1,
// an id that is no file name.
HfmRow parse_hfm_row(std::string_view line, int64_t number, const std::string& place);

// One row of extract/extract_all: ['<id>', w1, w2, w3, w4, w5], the words that a classifier of attributes saw in the picture.
struct HfmAttributes {
  std::string id;
  std::array<std::string, 5> words;
};

// As parse_hfm_row; every row must hold an id and five words.
HfmAttributes parse_hfm_attributes(std::string_view line, const std::string& place);

}  // namespace infig
