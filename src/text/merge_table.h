// Which neighbours of a byte-pair vocabulary join, how early, and to what.
#pragma once

#include <bit>
#include <cstdint>
#include <limits>
#include <vector>

namespace infig {

class MergeTable {
 public:
  static constexpr uint32_t kNever = std::numeric_limits<uint32_t>::max();
  static constexpr uint32_t kForgotten = kNever - 1;
  struct Merge {
    uint64_t pair = std::numeric_limits<uint64_t>::max();  // no pair of ids: those are not negative
    uint32_t rank = kNever;
    int32_t joined = -1;
  };

  explicit MergeTable(size_t count) : merges_(std::bit_ceil(2 * count + 2)) {}
  void insert(int32_t left, int32_t right, uint32_t rank, int32_t joined) {
    const uint64_t pair = pair_of(left, right);
    merges_[slot(pair)] = {.pair = pair, .rank = rank, .joined = joined};
  }
  // A merge of rank kNever where the two do not join.
  const Merge& find(int32_t left, int32_t right) const {
    static constexpr Merge kNone;
    const Merge& found = merges_[slot(pair_of(left, right))];
    return found.rank == kForgotten ? kNone : found;
  }
  // Takes out what joins to this token.
  void forget(int32_t joined) {
    for (Merge& merge : merges_) {
      // The pair stays, so that others behind it are still found, and never comes up again.
      if (merge.joined == joined && merge.rank != kNever) merge.rank = kForgotten;
    }
  }

 private:
  static uint64_t pair_of(int32_t left, int32_t right) { return static_cast<uint64_t>(left) << 32 | static_cast<uint32_t>(right); }
  size_t slot(uint64_t pair) const {
    size_t at = (pair * 0x9E3779B97F4A7C15ULL) >> 32 & (merges_.size() - 1);
    while (merges_[at].rank != kNever && merges_[at].pair != pair) at = (at + 1) & (merges_.size() - 1);
    return at;
  }
  std::vector<Merge> merges_;
};

}  // namespace infig
