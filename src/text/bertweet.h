// BERTweet's tokenizer: words parted by white space, byte pairs of characters, "@@" behind what another piece follows.
#pragma once

#include <memory>

#include "text/tokenizer.h"
#include "text/tokenizer_folder.h"

namespace infig {

// From a folder with vocab.txt ("token count" a line; <s>, <pad>, </s> and <unk> are the ids before it) and bpe.codes ("left right count" a
// line), as BertweetTokenizer of transformers reads them, which has no offsets: here a piece has those of its characters. Where
// `normalization` of tokenizer_config.json is true a tweet is rewritten first (tweet_text.h). Throws CheckpointError, naming file and line.
std::unique_ptr<Tokenizer> load_bertweet(const TokenizerFolder& folder);

}  // namespace infig
