// Added tokens of tokenizer.json and what the classes of transformers add to them (TokenizerFolder in tokenizer_folder.h).
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <map>

#include "core/error.h"
#include "core/json.h"
#include "text/tokenizer_folder.h"

namespace infig {
namespace {

using Json = nlohmann::json;

constexpr std::array<const char*, 7> kNamed = {"bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"};
constexpr size_t kMostAdded = 100'000;

bool stated_flag(const Json& entry, const char* key, bool fallback) {
  const auto found = entry.find(key);
  return found != entry.end() && found->is_boolean() ? found->get<bool>() : fallback;
}

AddedToken stated_token(const Json& entry) {
  AddedToken token;
  if (entry.is_string()) return {.text = entry.get<std::string>()};
  if (!entry.is_object()) return token;
  const auto content = entry.find("content");
  if (content != entry.end() && content->is_string()) token.text = content->get<std::string>();
  token.left_strip = stated_flag(entry, "lstrip", false);
  token.right_strip = stated_flag(entry, "rstrip", false);
  token.single_word = stated_flag(entry, "single_word", false);
  token.special = stated_flag(entry, "special", false);
  token.normalized = stated_flag(entry, "normalized", !token.special);
  return token;
}

// The library's list: a token gets the vocabulary's id, or the next one behind all.
class AddedList {
 public:
  AddedList(const WordModel& model, int64_t entries) : model_(model), entries_(entries) {}

  // The id of the token afterwards; -1 for an empty one.
  int32_t add(AddedToken token) {
    if (token.text.empty()) return -1;
    if (AddedToken* known = find(token.text)) {
      token.id = known->id;
      token.special |= known->special;
      *known = token;
      return token.id;
    }
    token.id = model_.find(token.text);
    if (token.id < 0) token.id = next();
    largest_ = std::max<int64_t>(largest_, token.id);
    places_[token.text] = tokens_.size();
    tokens_.push_back(token);
    return token.id;
  }
  AddedToken* find(const std::string& text) {
    const auto found = places_.find(text);
    return found == places_.end() ? nullptr : &tokens_[found->second];
  }
  std::vector<AddedToken>& tokens() { return tokens_; }

 private:
  int32_t next() const { return static_cast<int32_t>(largest_ >= entries_ || (entries_ == 0 && largest_ >= 0) ? largest_ + 1 : entries_); }
  const WordModel& model_;
  int64_t entries_, largest_ = -1;
  std::vector<AddedToken> tokens_;
  std::map<std::string, size_t> places_;
};

// {"7": {...}} in the order of the numbers.
std::map<int64_t, const Json*> by_number(const Json& decoder, const std::string& where) {
  std::map<int64_t, const Json*> ordered;
  for (const auto& [key, entry] : decoder.items()) {
    const Json id = parse_foreign_json(key);
    if (!id.is_number_integer() || id.get<int64_t>() < 0)
      throw CheckpointError(fmt::format("{}: added_tokens_decoder has the key '{}', expected a whole number >= 0", where, key));
    ordered[id.get<int64_t>()] = &entry;
  }
  return ordered;
}

}  // namespace

// Of the keys that name special tokens those that some file or the class states, in the order of transformers; then the lists of others.
std::vector<AddedToken> TokenizerFolder::named_tokens(const std::vector<SpecialDefault>& defaults) const {
  std::vector<AddedToken> tokens;
  for (const char* key : kNamed) {
    const Json* entry = special_entry(key);
    const auto found =
        std::find_if(defaults.begin(), defaults.end(), [key](const SpecialDefault& one) { return std::string_view(key) == one.key; });
    AddedToken token;
    if (entry != nullptr) {
      token = stated_token(*entry);
      if (entry->is_string() && found != defaults.end()) token.left_strip = found->left_strip;
    } else if (found != defaults.end()) {
      token = {.text = found->text, .left_strip = found->left_strip};
    }
    token.special = true;
    if (!token.text.empty()) tokens.push_back(token);
  }
  const std::vector<AddedToken> others = extra_tokens();
  tokens.insert(tokens.end(), others.begin(), others.end());
  return tokens;
}

std::vector<AddedToken> TokenizerFolder::extra_tokens() const {
  std::vector<AddedToken> tokens;
  for (const char* key : {"extra_special_tokens", "additional_special_tokens"}) {
    const Json* list = special_entry(key);
    if (list == nullptr || list->is_null()) continue;
    for (const auto& [name, entry] : list->items()) {
      AddedToken token = stated_token(entry);
      token.special = true;
      if (!token.text.empty()) tokens.push_back(token);
    }
  }
  return tokens;
}

std::vector<AddedToken> TokenizerFolder::library_added_tokens(const std::vector<SpecialDefault>& defaults, const WordModel& model,
                                                              int64_t entries) const {
  AddedList list(model, entries);
  const std::string where = file("tokenizer.json").string();
  const Json& file_list = tokenizer_json_.is_object() ? tokenizer_json_.value("added_tokens", Json::array()) : Json::array();
  if (!file_list.is_array() || file_list.size() > kMostAdded)
    throw CheckpointError(fmt::format("{}: added_tokens is no list of at most {} tokens", where, kMostAdded));
  for (const Json& entry : file_list) {
    const AddedToken token = stated_token(entry);
    const int32_t id = list.add(token);
    const auto stated = entry.is_object() ? entry.find("id") : entry.end();
    if (id < 0 || !entry.is_object() || stated == entry.end()) continue;
    if (!stated->is_number_integer() || stated->get<int64_t>() != id) {
      throw CheckpointError(
          fmt::format("{}: added_tokens states the id {} for '{}', to which the vocabulary and the tokens before give {}; "
                      "its original library would take the latter. Save the tokenizer again",
                      where, stated->dump(), token.text, id));
    }
  }
  const auto decoder = config_.is_object() ? config_.find("added_tokens_decoder") : config_.end();
  if (config_.is_object() && decoder != config_.end() && decoder->is_object()) {
    for (const auto& [id, entry] : by_number(*decoder, file("tokenizer_config.json").string())) {
      const AddedToken token = stated_token(*entry);
      const int32_t given = list.add(token);
      if (given >= 0 && given != id) {
        throw CheckpointError(fmt::format("{}: added_tokens_decoder states the id {} for '{}', which has the id {} in the vocabulary",
                                          file("tokenizer_config.json").string(), id, token.text, given));
      }
    }
  } else if (added_.is_object()) {
    std::map<int64_t, std::string> ordered;
    for (const auto& [text, id] : added_.items()) {
      if (id.is_number_integer()) ordered[id.get<int64_t>()] = text;
    }
    for (const auto& [id, text] : ordered) {
      if (list.find(text) == nullptr) list.add({.text = text, .normalized = true, .special = false});
    }
  }
  for (const AddedToken& token : named_tokens(defaults)) {
    if (AddedToken* known = list.find(token.text)) {
      known->special = true;
    } else {
      list.add(token);
    }
  }
  return std::move(list.tokens());
}

SpecialIds TokenizerFolder::stated_special_ids(const std::vector<SpecialDefault>& defaults, const std::vector<AddedToken>& added,
                                               int32_t unknown) const {
  const auto id = [&](const char* key) {
    const Json* entry = special_entry(key);
    std::string text;
    for (const SpecialDefault& one : defaults) {
      if (std::string_view(key) == one.key) text = one.text;
    }
    if (entry != nullptr) text = stated_token(*entry).text;
    const auto found = std::find_if(added.begin(), added.end(), [&](const AddedToken& token) { return token.text == text; });
    return found == added.end() ? -1 : found->id;
  };
  const auto number = [](const Json& object, const char* key) {
    const auto found = object.is_object() ? object.find(key) : object.end();
    const bool good = object.is_object() && found != object.end() && found->is_number_unsigned() && found->get<uint64_t>() < (1U << 24);
    return good ? found->get<int32_t>() : -1;
  };
  SpecialIds ids{.pad = id("pad_token"), .cls = id("cls_token"), .sep = id("sep_token"), .unk = unknown, .mask = id("mask_token")};
  if (ids.cls < 0) ids.cls = id("bos_token");
  if (ids.sep < 0) ids.sep = id("eos_token");
  if (ids.unk < 0) ids.unk = id("unk_token");
  if (ids.pad < 0) ids.pad = number(config_, "pad_token_id");
  if (ids.pad < 0 && tokenizer_json_.is_object()) ids.pad = number(tokenizer_json_.value("padding", Json()), "pad_id");
  if (ids.pad < 0) ids.pad = number(model_config_, "pad_token_id");
  if (ids.pad < 0) ids.pad = std::max(ids.unk, 0);
  return ids;
}

std::vector<std::pair<std::string, std::string>> TokenizerFolder::stated_files(const std::string& tokenizer_class, int32_t pad) const {
  std::vector<std::pair<std::string, std::string>> files;
  Json config = config_.is_object() ? config_ : Json::object();
  if (!config.contains("tokenizer_class") || !tokenizer_class.empty())
    config["tokenizer_class"] = tokenizer_class.empty() ? "TokenizersBackend" : tokenizer_class;
  // Where no token is named for it, what pads is known from files that are not copied.
  if (special_entry("pad_token") == nullptr) config["pad_token_id"] = pad;
  files.emplace_back("tokenizer_config.json", config.dump(2, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace) + "\n");
  for (const char* name : {"tokenizer.json", "special_tokens_map.json", "added_tokens.json"}) {
    if (has(name)) files.emplace_back(name, read(name));
  }
  return files;
}

}  // namespace infig
