// The vocabulary of a word model that looks tokens up by their text: what such models share, whatever cut() does.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/error.h"
#include "text/word_model.h"

namespace infig {

class ListedModel : public WordModel {
 public:
  int32_t find(std::string_view token) const override {
    const auto found = ids_.find(token);
    return found == ids_.end() ? -1 : found->second;
  }
  std::string_view token(int64_t id) const override {
    return id >= 0 && id < size() ? std::string_view(tokens_[static_cast<size_t>(id)]) : std::string_view();
  }
  int64_t size() const override { return static_cast<int64_t>(tokens_.size()); }
  void hide(const std::vector<int32_t>& ids) override {
    for (const int32_t id : ids) ids_.erase(std::string(token(id)));
  }

 protected:
  struct TextHash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };

  explicit ListedModel(std::vector<std::string> tokens) : tokens_(std::move(tokens)) {}
  // Fills ids_ with every token that is not empty.
  void list_tokens() {
    ids_.reserve(tokens_.size());
    for (size_t id = 0; id < tokens_.size(); ++id) {
      if (!tokens_[id].empty()) ids_[tokens_[id]] = static_cast<int32_t>(id);
    }
  }
  // The token's id; throws CheckpointError, naming `where` and what it is for, where the vocabulary lacks it.
  int32_t required(const std::string& token, std::string_view what, const std::string& where) const {
    const int32_t id = find(token);
    if (id >= 0) return id;
    throw CheckpointError(
        fmt::format("{}: {} '{}' is missing in the vocabulary; vocabulary and merges must be of one model", where, what, token));
  }

  std::vector<std::string> tokens_;                                          // by id
  std::unordered_map<std::string, int32_t, TextHash, std::equal_to<>> ids_;  // filled by the model
};

}  // namespace infig
