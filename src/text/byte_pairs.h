// Byte pairs: a word begins as its bytes, and neighbours are joined in the order of a list of merges.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "text/word_model.h"

namespace infig {

struct BytePairVocabulary {
  std::vector<std::string> tokens;                         // in the order of ids; "" where an id has no token
  std::vector<std::pair<std::string, std::string>> merges;  // first joined first
};

struct BytePairOptions {
  std::string word_end;  // what the last symbol of a word carries ("</w>" of CLIP)
  std::string unknown;   // token of a byte that the vocabulary lacks; empty: such a byte is left out, as the fast tokenizers do
};

// Bytes as the vocabulary writes them: each of the 256 as one printable character ("Ġ" for a space).
const std::string& byte_symbol(unsigned char byte);

// Of equally early merges the leftmost comes first. Throws CheckpointError, naming `where` and the merge, where the vocabulary lacks one of
// its parts or their union; and where it lacks the unknown token.
std::unique_ptr<WordModel> make_byte_pairs(BytePairVocabulary vocabulary, const BytePairOptions& options, const std::string& where);

}  // namespace infig
