#include "text/wordpiece.h"

#include <fmt/format.h>

#include <bit>

#include "core/error.h"
#include "text/unicode.h"

namespace infig {
namespace {

// The vocabulary's tokens as paths of bytes. All edges are in one open-addressed table: (node, byte) -> node.
class Trie {
 public:
  static constexpr uint32_t kNone = 0;  // no node: the root is never a child
  static constexpr size_t kMaxNodes = 1 << 24;

  explicit Trie(size_t bytes) : edges_(std::bit_ceil(2 * bytes + 16)), ids_(1, -1) {}

  void insert(std::string_view token, int32_t id) {
    uint32_t node = 0;
    for (const char byte : token) {
      const size_t slot = find(node, static_cast<unsigned char>(byte));
      if (edges_[slot] == 0) {
        edges_[slot] = key(node, static_cast<unsigned char>(byte)) << 24 | static_cast<uint64_t>(ids_.size());
        ids_.push_back(-1);
      }
      node = static_cast<uint32_t>(edges_[slot] & 0xFFFFFF);
    }
    ids_[node] = id;
  }

  uint32_t child(uint32_t node, char byte) const {
    return static_cast<uint32_t>(edges_[find(node, static_cast<unsigned char>(byte))] & 0xFFFFFF);
  }
  int32_t id(uint32_t node) const { return ids_[node]; }

  // The node at the end of a path, kNone where there is no such path.
  uint32_t walk(std::string_view path) const {
    uint32_t node = 0;
    for (const char byte : path) {
      node = child(node, byte);
      if (node == kNone) break;
    }
    return node;
  }

 private:
  static uint64_t key(uint32_t node, unsigned char byte) { return static_cast<uint64_t>(node) << 8 | byte; }
  size_t find(uint32_t node, unsigned char byte) const {
    const uint64_t wanted = key(node, byte);
    size_t slot = (wanted * 0x9E3779B97F4A7C15ULL) >> 32 & (edges_.size() - 1);
    while (edges_[slot] != 0 && edges_[slot] >> 24 != wanted) slot = (slot + 1) & (edges_.size() - 1);
    return slot;
  }
  std::vector<uint64_t> edges_;  // key in the upper 40 bits, child in the lower 24; 0: free
  std::vector<int32_t> ids_;     // of each node
};

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
    const uint32_t node = token.empty() ? Trie::kNone : trie_.walk(token);
    return node == Trie::kNone ? -1 : trie_.id(node);
  }
  std::string_view token(int64_t id) const override {
    return id >= 0 && id < size() ? std::string_view(tokens_[static_cast<size_t>(id)]) : std::string_view();
  }
  int64_t size() const override { return static_cast<int64_t>(tokens_.size()); }

 private:
  bool too_long(std::string_view word) const {
    if (static_cast<int64_t>(word.size()) <= options_.max_word) return false;
    return static_cast<int64_t>(count_characters(word)) > options_.max_word;
  }

  bool cut_known(std::string_view word, std::vector<WordPart>& parts) const {
    for (size_t begin = 0; begin < word.size();) {
      uint32_t node = begin == 0 ? 0 : continuing_;
      if (begin > 0 && continuing_ == Trie::kNone && !options_.continuing.empty()) return false;
      WordPart longest;
      for (size_t at = begin; at < word.size(); ++at) {
        node = trie_.child(node, word[at]);
        if (node == Trie::kNone) break;
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
  Trie trie_;
  uint32_t continuing_ = 0;
  int32_t unknown_ = -1;
};

}  // namespace

std::unique_ptr<WordModel> make_wordpiece(std::vector<std::string> tokens, const WordPieceOptions& options, const std::string& where) {
  size_t bytes = 0;
  for (const std::string& token : tokens) bytes += token.size();
  if (bytes >= Trie::kMaxNodes) {
    throw CheckpointError(fmt::format("{}: the vocabulary has {} bytes, expected fewer than {}", where, bytes, Trie::kMaxNodes));
  }
  auto model = std::make_unique<WordPieceModel>(std::move(tokens), options, bytes);
  if (model->find(options.unknown) < 0) {
    throw CheckpointError(fmt::format(
        "{}: the unknown token '{}' is missing; add it, or name another with unk_token in tokenizer_config.json", where, options.unknown));
  }
  return model;
}

}  // namespace infig
