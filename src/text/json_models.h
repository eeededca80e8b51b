// The models of tokenizer.json: WordPiece, BPE, Unigram and WordLevel, each as the Rust library `tokenizers` 0.23 cuts with it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "text/json_part.h"
#include "text/word_model.h"

namespace infig {

struct JsonModel {
  std::unique_ptr<WordModel> model;
  int64_t entries = 0;  // of the vocabulary, which may leave ids out
  int32_t unknown = -1;
};

// Where "type" is missing, as in old files, it is found by the keys. Throws CheckpointError, naming file and key, for another type, an
// unknown key, an id that is given twice, a merge of tokens that the vocabulary lacks, a missing unknown token, dropout.
JsonModel make_json_model(const JsonPart& part);

struct UnigramVocabulary {
  std::vector<std::string> pieces;
  std::vector<double> scores;
  int32_t unknown = -1;  // its id
  bool byte_fallback = false;
};
// In unigram.cpp.
std::unique_ptr<WordModel> make_unigram(UnigramVocabulary vocabulary, const std::string& where);

struct CharacterPairs {
  std::vector<std::string> tokens;                          // in the order of ids; "" where an id has no token
  std::vector<std::pair<std::string, std::string>> merges;  // first joined first
  std::string unknown, prefix, suffix;                      // "" where there is none
  bool fuse_unknown = false, byte_fallback = false, ignore_merges = false;
};
// In character_pairs.cpp.
std::unique_ptr<WordModel> make_character_pairs(CharacterPairs pairs, const std::string& where);

}  // namespace infig
