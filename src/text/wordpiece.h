// WordPiece: a word is cut into the longest pieces of the vocabulary from the left; what continues a word carries "##".
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "text/word_model.h"

namespace infig {

struct WordPieceOptions {
  std::string unknown = "[UNK]";
  std::string continuing = "##";  // what a piece begins with that continues a word
  int64_t max_word = 100;         // characters; a longer word is unknown
};

// `tokens`: the vocabulary in the order of its ids ("" where an id has no token); of a token named twice the later id counts. A word that
// cannot be cut to its end is one unknown token. Throws CheckpointError, naming `where`, without the unknown token, or where the
// vocabulary is too large (16 million bytes).
std::unique_ptr<WordModel> make_wordpiece(std::vector<std::string> tokens, const WordPieceOptions& options, const std::string& where);

}  // namespace infig
