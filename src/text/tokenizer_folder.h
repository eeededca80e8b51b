// What the files beside a vocabulary say about a tokenizer: its kind, its options, its special and added tokens. What the Rust library and
// the classes of transformers make of the latter is in library_tokens.cpp.
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
  // Whether tokenizer_config.json names a class that stands for tokenizer.json itself (PreTrainedTokenizerFast, TokenizersBackend).
  bool generic_class() const;
  // A switch of tokenizer_config.json; `fallback` where it is absent or null.
  bool flag(const char* key, bool fallback) const;
  int64_t integer(const char* key, int64_t fallback) const;
  // Throws CheckpointError where tokenizer_config.json states another value of a key that is not supported otherwise.
  void refuse_unless(const char* key, const nlohmann::json& supported) const;
  std::string text(const char* key) const;                                  // empty where it is absent or no text
  const nlohmann::json& tokenizer_json() const { return tokenizer_json_; }  // null where there is none
  const nlohmann::json& model_config() const { return model_config_; }      // config.json; null where there is none

  // The text of a special token by its key; empty where the files say there is none (null).
  std::string special(const SpecialDefault& token) const;
  // Special tokens first, then what else was added, with ids; throws CheckpointError where a special token is neither in the vocabulary
  // nor given an id, or where an id is not the vocabulary's.
  std::vector<AddedToken> added_tokens(const std::vector<SpecialDefault>& defaults, const WordModel& model) const;
  // The tokens that the Rust library adds as tokenizer.json lists them, then as tokenizer_config.json and the classes of transformers do:
  // `entries` is the number of the vocabulary's, behind which a token without an id comes. Throws CheckpointError where tokenizer.json
  // states another id than the library would give.
  std::vector<AddedToken> library_added_tokens(const std::vector<SpecialDefault>& defaults, const WordModel& model, int64_t entries) const;
  // Ids of pad, cls, sep, unk and mask (bos and eos for cls and sep where `defaults` has no cls).
  SpecialIds special_ids(const std::vector<SpecialDefault>& defaults, const std::vector<AddedToken>& added) const;
  // The same where nothing is required: -1 where there is none; for pad what tokenizer.json or config.json says, else `unknown` or 0.
  SpecialIds stated_special_ids(const std::vector<SpecialDefault>& defaults, const std::vector<AddedToken>& added, int32_t unknown) const;
  // tokenizer_config.json as it is written back: what was read, the class, and every special and added token with its properties.
  std::string resolved_config(const std::string& tokenizer_class, const std::vector<SpecialDefault>& defaults,
                              const std::vector<AddedToken>& added) const;
  // The files beside the vocabulary as they are, tokenizer_config.json naming the class.
  std::vector<std::pair<std::string, std::string>> stated_files(const std::string& tokenizer_class, int32_t pad) const;

 private:
  nlohmann::json object(const char* name) const;
  const nlohmann::json* special_entry(const char* key) const;
  std::vector<AddedToken> listed_tokens() const;
  std::filesystem::path folder_, only_;
  std::vector<AddedToken> extra_tokens() const;  // special ones that have no key of their own; without ids
  std::vector<AddedToken> named_tokens(const std::vector<SpecialDefault>& defaults) const;
  nlohmann::json config_, special_map_, added_, tokenizer_json_, model_config_;
  std::string model_type_;
};

}  // namespace infig
