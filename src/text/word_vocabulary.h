// A vocabulary of whole words: of the models of Table 2 that read words. Id 0 is padding, 1 any unknown word, words begin at 2.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "text/tokenizer.h"
#include "text/word_cut.h"

namespace infig {

inline constexpr int64_t kPaddingWord = 0, kUnknownWord = 1, kFirstWord = 2;

// A tokenizer without special tokens around a text: a text without words has no ids. Texts are cut behind max_length words.
class WordVocabulary : public Tokenizer {
 public:
  // words[i] has the id kFirstWord + i. Throws CheckpointError, `where` first, for an empty word, one that is there twice, or 2^31 of them.
  WordVocabulary(std::vector<std::string> words, WordCut cut, const std::string& where = "words");

  void encode_spans(std::string_view text, int64_t max_length, std::vector<TokenSpan>& spans) const override;
  std::string_view token(int64_t id) const override;  // "<pad>" and "<unk>" for 0 and 1
  int64_t vocab_size() const override { return kFirstWord + static_cast<int64_t>(words_.size()); }
  const SpecialIds& special_ids() const override { return special_; }
  std::string rule() const override;       // "words.json: 3412 words, cut as multisentinet"
  void split_special_tokens() override {}  // no text holds a special token
  // Writes words.json: {"cut": "lower", "words": ["the", ...]}.
  void save(const std::filesystem::path& folder) const override;

  int64_t id_of(std::string_view word) const;  // kUnknownWord where it is not there
  const std::vector<std::string>& words() const { return words_; }
  WordCut cut() const { return cut_; }

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view word) const { return std::hash<std::string_view>()(word); }
  };
  std::vector<std::string> words_;
  WordCut cut_;
  std::unordered_map<std::string, int64_t, Hash, std::equal_to<>> ids_;
  SpecialIds special_ = {.pad = 0, .unk = 1};
};

// Reads words.json; it may be a stranger's. Throws CheckpointError naming file and key or word.
std::unique_ptr<WordVocabulary> load_word_vocabulary(const std::filesystem::path& file);

struct WordVocabularyOptions {
  WordCut cut = WordCut::kLower;
  int64_t min_count = 1;  // occurrences that a word needs
  int64_t max_size = 0;   // the most frequent so many words; 0: all
};

// Counts the words of texts, the more frequent first, ties in the order of their bytes.
class WordCounter {
 public:
  explicit WordCounter(const WordVocabularyOptions& options) : options_(options) {}
  void add(std::string_view text);
  // Words that are in the vocabulary however rare they are, behind the others and beyond max_size, in the order given.
  void keep(std::string_view word);
  // Throws DataError where no word is left.
  std::unique_ptr<WordVocabulary> vocabulary() const;

 private:
  WordVocabularyOptions options_;
  std::unordered_map<std::string, int64_t> counts_;
  std::vector<std::string> kept_;
};

}  // namespace infig
