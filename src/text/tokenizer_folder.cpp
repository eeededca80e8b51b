#include "text/tokenizer_folder.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <system_error>

#include "core/error.h"
#include "core/files.h"
#include "core/json.h"

namespace infig {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr const char* kConfig = "tokenizer_config.json";
constexpr uintmax_t kMostBytes = uintmax_t{64} << 20;

bool truth(const Json& object, const char* key, bool fallback) {
  const auto found = object.find(key);
  return found != object.end() && found->is_boolean() ? found->get<bool>() : fallback;
}

// An added token as the files write it: an object with content and switches.
AddedToken token_of(const Json& entry, int32_t id) {
  AddedToken token;
  token.text = entry.value("content", std::string());
  token.id = id;
  token.left_strip = truth(entry, "lstrip", false);
  token.right_strip = truth(entry, "rstrip", false);
  token.single_word = truth(entry, "single_word", false);
  token.special = truth(entry, "special", false);
  token.normalized = truth(entry, "normalized", !token.special);
  return token;
}

Json json_of(const AddedToken& token) {
  return {{"content", token.text},       {"lstrip", token.left_strip},       {"normalized", token.normalized},
          {"rstrip", token.right_strip}, {"single_word", token.single_word}, {"special", token.special}};
}

std::string text_of(const Json& entry) {
  if (entry.is_string()) return entry.get<std::string>();
  return entry.is_object() ? entry.value("content", std::string()) : std::string();
}

int32_t checked_id(const Json& id, const std::string& where) {
  if (id.is_number_integer() && id.get<int64_t>() >= 0 && id.get<int64_t>() < std::numeric_limits<int32_t>::max()) return id.get<int32_t>();
  throw CheckpointError(fmt::format("{}: the id {} of an added token is not a whole number >= 0", where, id.dump()));
}

bool is_generic(std::string_view name) { return name == "PreTrainedTokenizer" || name == "TokenizersBackend" || name == "PythonBackend"; }

const AddedToken* with_text(const std::vector<AddedToken>& tokens, std::string_view text) {
  const auto found = std::find_if(tokens.begin(), tokens.end(), [text](const AddedToken& token) { return token.text == text; });
  return found == tokens.end() ? nullptr : &*found;
}

}  // namespace

TokenizerFolder::TokenizerFolder(const fs::path& path) : folder_(path) {
  std::error_code code;
  if (fs::is_regular_file(path, code)) {
    folder_ = path.parent_path();
    only_ = path.filename();
    return;
  }
  if (!fs::is_directory(path, code)) {
    throw CheckpointError(
        fmt::format("{}: no such folder, expected one with a tokenizer (spm.model, vocab.txt, vocab.json and merges.txt)", path.string()));
  }
  config_ = object(kConfig);
  special_map_ = object("special_tokens_map.json");
  added_ = object("added_tokens.json");
  tokenizer_json_ = object("tokenizer.json");
  model_config_ = object("config.json");
  if (model_config_.is_object() && model_config_.contains("model_type") && model_config_["model_type"].is_string())
    model_type_ = model_config_["model_type"].get<std::string>();
}

bool TokenizerFolder::has(std::string_view name) const {
  std::error_code code;
  return only_.empty() ? fs::is_regular_file(folder_ / name, code) : only_ == name;
}

std::string TokenizerFolder::read(std::string_view name) const {
  try {
    return read_file(folder_ / name);
  } catch (const DataError& error) {
    throw CheckpointError(error.what());
  }
}

Json TokenizerFolder::object(const char* name) const {
  if (!has(name)) return nullptr;
  std::error_code code;
  if (fs::file_size(file(name), code) > kMostBytes)
    throw CheckpointError(
        fmt::format("{}: has over {} MiB, which no published tokenizer has; copy the file again", file(name).string(), kMostBytes >> 20));
  const std::string bytes = read(name);
  Json content = parse_foreign_json(bytes);
  if (content.is_discarded())
    throw CheckpointError(fmt::format("{}: is not JSON ({}); copy the file again", file(name).string(), foreign_json_fault(bytes)));
  if (!content.is_object()) throw CheckpointError(fmt::format("{}: is not a JSON object; copy the file again", file(name).string()));
  return content;
}

std::string TokenizerFolder::tokenizer_class() const {
  if (!config_.is_object() || !config_.contains("tokenizer_class")) return "";
  std::string name = text_of(config_["tokenizer_class"]);
  if (name.ends_with("Fast")) name.resize(name.size() - 4);
  return is_generic(name) ? "" : name;
}

bool TokenizerFolder::generic_class() const {
  if (!config_.is_object() || !config_.contains("tokenizer_class")) return false;
  std::string name = text_of(config_["tokenizer_class"]);
  if (name.ends_with("Fast")) name.resize(name.size() - 4);
  return is_generic(name);
}

void TokenizerFolder::refuse_unless(const char* key, const nlohmann::json& supported) const {
  if (!config_.is_object() || !config_.contains(key) || config_[key].is_null() || config_[key] == supported) return;
  throw CheckpointError(fmt::format("{}: {} is {}; supported is {}", file(kConfig).string(), key, config_[key].dump(), supported.dump()));
}

std::string TokenizerFolder::model_type() const { return model_type_; }

bool TokenizerFolder::flag(const char* key, bool fallback) const {
  if (!config_.is_object() || !config_.contains(key) || config_[key].is_null()) return fallback;
  if (config_[key].is_boolean()) return config_[key].get<bool>();
  throw CheckpointError(fmt::format("{}: {} is {}, expected true or false", file(kConfig).string(), key, config_[key].dump()));
}

int64_t TokenizerFolder::integer(const char* key, int64_t fallback) const {
  if (!config_.is_object() || !config_.contains(key) || config_[key].is_null()) return fallback;
  if (config_[key].is_number_integer()) return config_[key].get<int64_t>();
  throw CheckpointError(fmt::format("{}: {} is {}, expected a whole number", file(kConfig).string(), key, config_[key].dump()));
}

std::string TokenizerFolder::text(const char* key) const {
  const auto found = config_.is_object() ? config_.find(key) : config_.end();
  return config_.is_object() && found != config_.end() && found->is_string() ? found->get<std::string>() : "";
}

// special_tokens_map.json speaks last where tokenizer_config.json has no list of added tokens, as in transformers.
const Json* TokenizerFolder::special_entry(const char* key) const {
  const bool listed = config_.is_object() && config_.contains("added_tokens_decoder");
  if (!listed && special_map_.is_object() && special_map_.contains(key)) return &special_map_[key];
  return config_.is_object() && config_.contains(key) ? &config_[key] : nullptr;
}

std::string TokenizerFolder::special(const SpecialDefault& token) const {
  const Json* entry = special_entry(token.key);
  return entry == nullptr ? token.text : text_of(*entry);
}

// Tokens that the files list with their ids.
std::vector<AddedToken> TokenizerFolder::listed_tokens() const {
  std::vector<AddedToken> tokens;
  const auto list = config_.is_object() ? config_.find("added_tokens_decoder") : config_.end();
  if (config_.is_object() && list != config_.end() && list->is_object()) {
    for (const auto& [key, entry] : list->items()) {
      const Json id = parse_foreign_json(key);
      if (entry.is_object()) tokens.push_back(token_of(entry, checked_id(id, file(kConfig).string())));
    }
    return tokens;
  }
  if (tokenizer_json_.is_object() && tokenizer_json_.contains("added_tokens") && tokenizer_json_["added_tokens"].is_array()) {
    for (const Json& entry : tokenizer_json_["added_tokens"]) {
      if (entry.is_object()) tokens.push_back(token_of(entry, checked_id(entry.value("id", Json()), file("tokenizer.json").string())));
    }
  }
  if (added_.is_object()) {
    for (const auto& [text, id] : added_.items()) {
      const AddedToken token{.text = text, .id = checked_id(id, file("added_tokens.json").string()), .normalized = true, .special = false};
      if (with_text(tokens, text) == nullptr) tokens.push_back(token);
    }
  }
  return tokens;
}

std::vector<AddedToken> TokenizerFolder::added_tokens(const std::vector<SpecialDefault>& defaults, const WordModel& model) const {
  std::vector<AddedToken> tokens;
  const std::vector<AddedToken> listed = listed_tokens();
  for (const SpecialDefault& one : defaults) {
    const std::string text = special(one);
    if (text.empty() || with_text(tokens, text) != nullptr) continue;
    AddedToken token{.text = text, .id = model.find(text), .left_strip = one.left_strip};
    const Json* entry = special_entry(one.key);
    if (const AddedToken* found = with_text(listed, text)) {
      token = *found;
    } else if (entry != nullptr && entry->is_object()) {
      token = token_of(*entry, token.id);
      token.normalized = truth(*entry, "normalized", false);
    }
    token.special = true;
    if (token.id < 0) {
      throw CheckpointError(fmt::format("{}: the special token {} '{}' is missing in the vocabulary; add it there, or name another in {}",
                                        where(), one.key, text, kConfig));
    }
    tokens.push_back(token);
  }
  for (const AddedToken& token : listed) {
    if (!token.text.empty() && with_text(tokens, token.text) == nullptr) tokens.push_back(token);
  }
  for (const AddedToken& token : extra_tokens()) {
    if (with_text(tokens, token.text) != nullptr) continue;
    int32_t id = model.find(token.text);
    if (id < 0) {
      id = static_cast<int32_t>(model.size());
      for (const AddedToken& one : tokens) id = std::max(id, one.id + 1);
    }
    tokens.push_back(token);
    tokens.back().id = id;
  }
  for (const AddedToken& token : tokens) {
    const int32_t known = model.find(token.text);
    if (known >= 0 && known != token.id) {
      throw CheckpointError(fmt::format("{}: the added token '{}' has the id {}, in the vocabulary {}; they must agree", where(),
                                        token.text, token.id, known));
    }
  }
  return tokens;
}

SpecialIds TokenizerFolder::special_ids(const std::vector<SpecialDefault>& defaults, const std::vector<AddedToken>& added) const {
  const auto id = [&](std::string_view key) {
    for (const SpecialDefault& one : defaults) {
      if (key != one.key) continue;
      const AddedToken* token = with_text(added, special(one));
      return token == nullptr ? -1 : token->id;
    }
    return -1;
  };
  SpecialIds ids{.pad = id("pad_token"), .cls = id("cls_token"), .sep = id("sep_token"), .unk = id("unk_token"), .mask = id("mask_token")};
  if (ids.cls < 0) ids.cls = id("bos_token");
  if (ids.sep < 0) ids.sep = id("eos_token");
  if (ids.pad >= 0 && ids.cls >= 0 && ids.sep >= 0) return ids;
  throw CheckpointError(fmt::format("{}: {} sets a special token to null that frames or pads every text ({})", where(), kConfig,
                                    ids.cls < 0   ? "cls_token"
                                    : ids.sep < 0 ? "sep_token"
                                                  : "pad_token"));
}

std::string TokenizerFolder::resolved_config(const std::string& tokenizer_class, const std::vector<SpecialDefault>& defaults,
                                             const std::vector<AddedToken>& added) const {
  Json config = config_.is_object() ? config_ : Json::object();
  config["tokenizer_class"] = tokenizer_class;
  for (const SpecialDefault& one : defaults) {
    const std::string text = special(one);
    config[one.key] = text.empty() ? Json() : Json(text);
  }
  Json list = Json::object();
  for (const AddedToken& token : added) list[std::to_string(token.id)] = json_of(token);
  config["added_tokens_decoder"] = list;
  return config.dump(2, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace) + "\n";
}

}  // namespace infig
