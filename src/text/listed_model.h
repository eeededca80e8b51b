// The vocabulary of a word model that looks tokens up by their text: what such models share, whatever cut() does.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "text/word_model.h"

namespace infig {

class ListedModel : public WordModel {
 public:
  int32_t find(std::string_view token) const override {
    const auto found = ids_.find(std::string(token));
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
  explicit ListedModel(std::vector<std::string> tokens) : tokens_(std::move(tokens)) {}

  std::vector<std::string> tokens_;               // by id
  std::unordered_map<std::string, int32_t> ids_;  // filled by the model
};

}  // namespace infig
