// Which rules make a tokenizer of a tokenizer.json: its own, or those of a published class, as AutoTokenizer of transformers 5 decides.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "text/tokenizer.h"
#include "text/tokenizer_folder.h"

namespace infig {

// Classes whose rules are in load_tokenizer.cpp (BERT, MPNet, RoBERTa, CLIP) and here. Empty: the file's own rules hold. Throws
// CheckpointError for a class with rules of its own that are not known.
std::string ruling_class(const TokenizerFolder& folder);

// The folder's tokenizer.json by its own rules (`name` empty), or its vocabulary by those of DebertaV2Tokenizer, XLMRobertaTokenizer,
// Siglip2Tokenizer or GemmaTokenizer.
std::unique_ptr<Tokenizer> load_json_tokenizer(const TokenizerFolder& folder, const std::string& name);

// A SentencePiece model file by the rules of XLMRobertaTokenizer.
std::unique_ptr<Tokenizer> load_xlm_roberta_pieces(const TokenizerFolder& folder);

}  // namespace infig
