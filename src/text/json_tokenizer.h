// A tokenizer as tokenizer.json states it, step by step: ids and offsets are those of the Rust library `tokenizers` 0.23.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "text/added_tokens.h"
#include "text/json_models.h"
#include "text/json_normalizers.h"
#include "text/json_pretokenizers.h"
#include "text/json_processors.h"
#include "text/tokenizer.h"

namespace infig {

struct JsonTokenizerParts {
  std::unique_ptr<JsonNormalizer> normalizer;       // may be null
  std::unique_ptr<JsonPreTokenizer> pre_tokenizer;  // may be null
  JsonModel model;
  std::vector<ProcessStep> steps;
  std::vector<AddedToken> added;  // in the order of the library, with ids
  SpecialIds special;
  std::vector<std::pair<std::string, std::string>> files;  // name and content of what save() writes
  std::string where;                                       // names the source in errors
  std::string rule;                                        // of Tokenizer::rule
};

std::unique_ptr<Tokenizer> make_json_tokenizer(JsonTokenizerParts parts);

}  // namespace infig
