// What the files beside a vocabulary say about a tokenizer: its kind, its options, its special and added tokens.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "text/added_tokens.h"
#include "text/tokenizer.h"
#include "text/word_model.h"

namespace infig {

// A special token as its class has it where no file says otherwise.
struct SpecialDefault {
  const char* key;  // in tokenizer_config.json: "cls_token"
  const char* text;
  bool left_strip = false;
};

class TokenizerFolder {
 public:
  // Reads tokenizer_config.json, special_tokens_map.json, added_tokens.json, config.json and tokenizer.json where they exist. A path to a
  // file stands for a folder with that file alone. Throws CheckpointError for what is no folder, or no JSON object.
  explicit TokenizerFolder(const std::filesystem::path& path);

  std::filesystem::path file(std::string_view name) const { return folder_ / name; }
  bool has(std::string_view name) const;          // as a file
  std::string read(std::string_view name) const;  // throws CheckpointError
  std::string where() const { return folder_.string(); }

  // tokenizer_class without "Fast"; empty if absent or generic (PreTrainedTokenizerFast).
  std::string tokenizer_class() const;
  std::string model_type() const;  // of config.json; empty where there is none
  // A switch of tokenizer_config.json, else of the part of tokenizer.json that `normalizer_key` names, else `fallback`. null is `fallback`.
  bool flag(const char* key, const char* normalizer_key, bool fallback) const;
  const nlohmann::json& tokenizer_json() const { return tokenizer_json_; }  // null where there is none

  // The text of a special token by its key; empty where the files say there is none (null).
  std::string special(const SpecialDefault& token) const;
  // Special tokens first, then what else was added, with ids; throws CheckpointError where a special token is neither in the vocabulary
  // nor given an id, or where an id is not the vocabulary's.
  std::vector<AddedToken> added_tokens(const std::vector<SpecialDefault>& defaults, const WordModel& model) const;
  // Ids of pad, cls, sep, unk and mask (bos and eos for cls and sep where `defaults` has no cls).
  SpecialIds special_ids(const std::vector<SpecialDefault>& defaults, const std::vector<AddedToken>& added) const;
  // tokenizer_config.json as it is written back: what was read, the class, and every special and added token with its properties.
  std::string resolved_config(const std::string& tokenizer_class, const std::vector<SpecialDefault>& defaults,
                              const std::vector<AddedToken>& added) const;

 private:
  nlohmann::json object(const char* name) const;
  const nlohmann::json* special_entry(const char* key) const;
  std::vector<AddedToken> listed_tokens() const;
  std::filesystem::path folder_, only_;
  nlohmann::json config_, special_map_, added_, tokenizer_json_;
  std::string model_type_;
};

}  // namespace infig
