// Tokenizers that cut a text into words and words into pieces: normalise, split, look up.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "text/added_tokens.h"
#include "text/normalize.h"
#include "text/tokenizer.h"
#include "text/word_model.h"

namespace infig {

enum class WordRule {
  kBert,       // white space parts words, each punctuation character is one
  kByteLevel,  // letters, numbers and the rest apart, a space belongs to the word behind it; contractions as GPT-2 has them
  kClip,       // the same without spaces, every digit a word
};

struct PipelineOptions {
  WordRule rule = WordRule::kBert;
  BertNormalizerOptions bert;     // for kBert
  bool add_prefix_space = false;  // for kByteLevel: a text is read as if it began with a space
  bool trim_offsets = false;      // leave white space at the ends of a token out of its offsets
};

struct PipelineParts {
  std::unique_ptr<WordModel> model;
  PipelineOptions options;
  std::vector<AddedToken> added;  // special tokens among them; with ids
  SpecialIds special;
  std::vector<int32_t> before, after;                      // ids that frame the text
  std::string rule;                                        // of Tokenizer::rule
  std::vector<std::pair<std::string, std::string>> files;  // name and content of what save() writes
};

std::unique_ptr<Tokenizer> make_pipeline(PipelineParts parts);

}  // namespace infig
