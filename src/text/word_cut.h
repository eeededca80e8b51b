// How the models with a vocabulary of words cut a text into words (docs/models.md).
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace infig {

enum class WordCut {
  kNone,           // at white space, as it stands: texts that were cut and cleaned before (HFM)
  kLower,          // lower case; at white space, each punctuation mark a word of its own
  kMultiSentiNet,  // clean_multisentinet, lower case, at spaces and ASCII punctuation but the apostrophe (Keras' Tokenizer)
  kMgnns,          // clean_mgnns, at spaces
};

const char* word_cut_name(WordCut cut);           // "none", "lower", "multisentinet", "mgnns"
WordCut parse_word_cut(const std::string& name);  // throws ConfigError

// Calls word(word, begin, end) for each word of a text in order, until it returns false. The word is UTF-8; begin and end are the code
// points of the text that it was made of, half-open. What is not UTF-8 reads as U+FFFD.
using WordSink = std::function<bool(const std::string& word, int32_t begin, int32_t end)>;
void cut_words(std::string_view text, WordCut cut, const WordSink& word);

}  // namespace infig
