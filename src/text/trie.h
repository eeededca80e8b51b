// A vocabulary as paths of bytes.
#pragma once

#include <bit>
#include <cstdint>
#include <string_view>
#include <vector>

namespace infig {

// The vocabulary's tokens as paths of bytes. All edges are in one open-addressed table: (node, byte) -> node.
class VocabularyTrie {
 public:
  static constexpr uint32_t kNone = 0;  // no node: the root is never a child
  static constexpr size_t kMaxNodes = 1 << 24;

  explicit VocabularyTrie(size_t bytes) : edges_(std::bit_ceil(2 * bytes + 16)), ids_(1, -1) {}

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

  // Takes a token out.
  void forget(std::string_view token) {
    if (const uint32_t node = walk(token); node != kNone) ids_[node] = -1;
  }

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

}  // namespace infig
