#include "text/wordpiece.h"

#include <fmt/format.h>

#include "core/error.h"
#include "text/trie.h"
#include "text/unicode.h"

namespace infig {
namespace {

class WordPieceModel final : public WordModel {
 public:
  WordPieceModel(std::vector<std::string> tokens, const WordPieceOptions& options, size_t bytes)
      : tokens_(std::move(tokens)), options_(options), trie_(bytes) {
    for (size_t id = 0; id < tokens_.size(); ++id) {
      if (!tokens_[id].empty()) trie_.insert(tokens_[id], static_cast<int32_t>(id));
    }
    continuing_ = trie_.walk(options_.continuing);
    unknown_ = find(options_.unknown);
  }

  void cut(std::string_view word, std::vector<WordPart>& parts) const override {
    parts.clear();
    if (!too_long(word) && cut_known(word, parts)) return;
    parts.assign(1, {.id = unknown_, .begin = 0, .end = static_cast<uint32_t>(word.size())});
  }

  int32_t find(std::string_view token) const override {
    const uint32_t node = token.empty() ? VocabularyTrie::kNone : trie_.walk(token);
    return node == VocabularyTrie::kNone ? -1 : trie_.id(node);
  }
  std::string_view token(int64_t id) const override {
    return id >= 0 && id < size() ? std::string_view(tokens_[static_cast<size_t>(id)]) : std::string_view();
  }
  int64_t size() const override { return static_cast<int64_t>(tokens_.size()); }
  void hide(const std::vector<int32_t>& ids) override {
    for (const int32_t id : ids) trie_.forget(token(id));
  }

 private:
  bool too_long(std::string_view word) const {
    if (static_cast<int64_t>(word.size()) <= options_.max_word) return false;
    return static_cast<int64_t>(count_characters(word)) > options_.max_word;
  }

  bool cut_known(std::string_view word, std::vector<WordPart>& parts) const {
    for (size_t begin = 0; begin < word.size();) {
      uint32_t node = begin == 0 ? 0 : continuing_;
      if (begin > 0 && continuing_ == VocabularyTrie::kNone && !options_.continuing.empty()) return false;
      WordPart longest;
      for (size_t at = begin; at < word.size(); ++at) {
        node = trie_.child(node, word[at]);
        if (node == VocabularyTrie::kNone) break;
        if (trie_.id(node) < 0) continue;
        longest = {.id = trie_.id(node), .begin = static_cast<uint32_t>(begin), .end = static_cast<uint32_t>(at + 1)};
      }
      if (longest.end == 0) return false;
      parts.push_back(longest);
      begin = longest.end;
    }
    return true;
  }

  std::vector<std::string> tokens_;
  WordPieceOptions options_;
  VocabularyTrie trie_;
  uint32_t continuing_ = 0;
  int32_t unknown_ = -1;
};

}  // namespace

std::unique_ptr<WordModel> make_wordpiece(std::vector<std::string> tokens, const WordPieceOptions& options, const std::string& where) {
  size_t bytes = 0;
  for (const std::string& token : tokens) bytes += token.size();
  if (bytes >= VocabularyTrie::kMaxNodes) {
    throw CheckpointError(fmt::format("{}: the vocabulary has {} bytes, expected fewer than {}", where, bytes, VocabularyTrie::kMaxNodes));
  }
  auto model = std::make_unique<WordPieceModel>(std::move(tokens), options, bytes);
  if (model->find(options.unknown) < 0) {
    throw CheckpointError(fmt::format(
        "{}: the unknown token '{}' is missing; add it, or name another with unk_token in tokenizer_config.json", where, options.unknown));
  }
  return model;
}

}  // namespace infig
