// The vocabulary files of BERT, RoBERTa and CLIP. Every fault names file and line or key: CheckpointError.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "text/byte_pairs.h"

namespace infig {

// vocab.txt: a token a line, its number the id; white space at a line's end is no part of it.
std::vector<std::string> parse_vocabulary_lines(std::string_view text, const std::string& where);
// vocab.json: an object of tokens with their ids; at most 16 ids a token and 4,096 more have none.
std::vector<std::string> parse_vocabulary_json(std::string_view text, const std::string& where);
std::vector<std::string> vocabulary_of_json(const nlohmann::json& content, const std::string& where);
// merges.txt: "left right" a line, an optional "#version" first.
std::vector<std::pair<std::string, std::string>> parse_merges(std::string_view text, const std::string& where);

// bpe_simple_vocab_16e6.txt.gz: a first line without meaning, then CLIP's 48,894 merges and others that it does not use. The vocabulary:
// 256 bytes, the same at a word's end, what each merge joins, <|startoftext|>, <|endoftext|>.
BytePairVocabulary parse_clip_merges(std::string_view gzip, const std::string& where);

// The vocabulary as vocab.json and merges.txt.
std::string vocabulary_json(const std::vector<std::string>& tokens);
std::string merges_text(const std::vector<std::pair<std::string, std::string>>& merges);

}  // namespace infig
