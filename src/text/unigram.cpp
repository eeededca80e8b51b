// The Unigram model: of all ways to cut a word into pieces the one whose scores sum to most.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>

#include "core/error.h"
#include "text/json_models.h"
#include "text/trie.h"
#include "text/unicode.h"

namespace infig {
namespace {

constexpr double kUnknownPenalty = 10.0;  // below the rarest piece

class UnigramModel final : public WordModel {
 public:
  UnigramModel(UnigramVocabulary vocabulary, size_t bytes) : vocabulary_(std::move(vocabulary)), trie_(bytes) {
    double least = std::numeric_limits<double>::infinity();
    for (size_t id = 0; id < vocabulary_.pieces.size(); ++id) {
      if (!vocabulary_.pieces[id].empty()) trie_.insert(vocabulary_.pieces[id], static_cast<int32_t>(id));
      least = std::min(least, vocabulary_.scores[id]);
    }
    unknown_score_ = least - kUnknownPenalty;
    all_bytes_ = vocabulary_.byte_fallback;
    for (size_t byte = 0; byte < bytes_.size(); ++byte) bytes_[byte] = find(fmt::format("<0x{:02X}>", byte));
  }

  void cut(std::string_view word, std::vector<WordPart>& parts) const override {
    parts.clear();
    thread_local std::vector<Node> nodes;
    search(word, nodes);
    // From the end; pieces that are unknown and neighbours are one.
    size_t end = word.size();
    while (end > 0) {
      size_t begin = nodes[end].begin;
      const int32_t id = nodes[end].id;
      while (id == vocabulary_.unknown && begin > 0 && nodes[begin].id == vocabulary_.unknown) begin = nodes[begin].begin;
      add_reversed(word, begin, end, id, parts);
      end = begin;
    }
    std::reverse(parts.begin(), parts.end());
  }

  int32_t find(std::string_view token) const override {
    const uint32_t node = token.empty() ? VocabularyTrie::kNone : trie_.walk(token);
    return node == VocabularyTrie::kNone ? -1 : trie_.id(node);
  }
  std::string_view token(int64_t id) const override {
    return id >= 0 && id < size() ? std::string_view(vocabulary_.pieces[static_cast<size_t>(id)]) : std::string_view();
  }
  int64_t size() const override { return static_cast<int64_t>(vocabulary_.pieces.size()); }
  void hide(const std::vector<int32_t>& ids) override {
    for (const int32_t id : ids) trie_.forget(token(id));
  }
  std::string_view value(const WordPart& part, std::string_view word) const override {
    return part.id == vocabulary_.unknown ? word.substr(part.begin, part.end - part.begin) : token(part.id);
  }

 private:
  struct Node {  // the best way to here
    double score = 0;
    uint32_t begin = 0;  // of its last piece
    int32_t id = -1;     // -1: no way leads here yet
  };

  void search(std::string_view word, std::vector<Node>& nodes) const {
    nodes.assign(word.size() + 1, Node{});
    const auto offer = [&nodes](size_t begin, size_t end, int32_t id, double score) {
      Node& node = nodes[end];
      if (node.id < 0 || score > node.score) node = {.score = score, .begin = static_cast<uint32_t>(begin), .id = id};
    };
    for (size_t begin = 0; begin < word.size();) {
      const double here = nodes[begin].score;
      const size_t next = begin + utf8_at(word, begin).length;
      bool single = false;
      uint32_t node = 0;
      for (size_t at = begin; at < word.size(); ++at) {
        node = trie_.child(node, word[at]);
        if (node == VocabularyTrie::kNone) break;
        const int32_t id = trie_.id(node);
        if (id < 0) continue;
        offer(begin, at + 1, id, vocabulary_.scores[static_cast<size_t>(id)] + here);
        single |= at + 1 == next;
      }
      if (!single) offer(begin, next, vocabulary_.unknown, unknown_score_ + here);
      begin = next;
    }
  }

  void add_reversed(std::string_view word, size_t begin, size_t end, int32_t id, std::vector<WordPart>& parts) const {
    WordPart part{.id = id, .begin = static_cast<uint32_t>(begin), .end = static_cast<uint32_t>(end)};
    if (id == vocabulary_.unknown) {
      const std::string_view text = word.substr(begin, end - begin);
      if (const int32_t known = find(text); known >= 0) {
        part.id = known;
      } else if (all_bytes_ && std::all_of(text.begin(), text.end(), [this](char byte) { return byte_id(byte) >= 0; })) {
        for (size_t i = end; i > begin; --i) {
          part.id = byte_id(word[i - 1]);
          parts.push_back(part);
        }
        return;
      }
    }
    parts.push_back(part);
  }

  int32_t byte_id(char byte) const { return bytes_[static_cast<unsigned char>(byte)]; }

  UnigramVocabulary vocabulary_;
  VocabularyTrie trie_;
  double unknown_score_ = 0;
  bool all_bytes_ = false;
  std::array<int32_t, 256> bytes_{};
};

}  // namespace

std::unique_ptr<WordModel> make_unigram(UnigramVocabulary vocabulary, const std::string& where) {
  size_t bytes = 0;
  for (const std::string& piece : vocabulary.pieces) bytes += piece.size();
  if (bytes >= VocabularyTrie::kMaxNodes)
    throw CheckpointError(fmt::format("{}: the vocabulary has {} bytes, expected fewer than {}", where, bytes, VocabularyTrie::kMaxNodes));
  return std::make_unique<UnigramModel>(std::move(vocabulary), bytes);
}

}  // namespace infig
