// Order and grouping of posts into batches. Bucketing: the shuffled epoch is cut into pools of `pool_batches` batches; inside a pool
// posts are sorted by text length (ties stay in shuffled order) and cut into batches; then the batches are shuffled.
// The posts of a batch are thus a new random draw each epoch, alike in length only.
// With a shuffle buffer the epoch is not shuffled as a whole: the shards are, then their posts go, one after the other, through a buffer
// from which the next one is drawn; batches are shuffled within their pool only. The files are then read almost sequentially.
#pragma once

#include <cstdint>
#include <vector>

#include "core/random.h"
#include "data/post.h"

namespace infig {

struct SamplerOptions {
  int64_t batch_size = 64;     // posts; >= 1
  int64_t pool_batches = 8;    // batches a pool; 1 = plain shuffling without bucketing
  int64_t shuffle_buffer = 0;  // posts that the buffer holds; 0: the epoch is shuffled as a whole
  bool drop_last = true;       // leave out a last batch that is not full (method.md row 7): the posts left out are a random draw
  void validate() const;       // throws ConfigError
};

// Batches of indices into `lengths` for one epoch. The draws come from `stream` alone. Throws DataError when drop_last
// leaves no batch at all, saying how many posts there are and how many a batch wants. `shards` counts only with a shuffle buffer: how many
// posts, in order, lie beside each other on the disk; they add up to `lengths`.
std::vector<std::vector<int64_t>> bucketed_batches(const std::vector<int64_t>& lengths, const SamplerOptions& options, RandomStream& stream,
                                                   const std::vector<int64_t>& shards = {});

// How many posts of `rows`, in order, lie beside each other: those whose pictures are spans of one tar, and otherwise runs of 1,000.
std::vector<int64_t> shards_of(const std::vector<Post>& posts, const std::vector<int64_t>& rows);

// Rows of one epoch in which each of `classes` classes comes equally often: count / classes rows of every class (the first classes one more
// where that leaves a remainder), each class going through all its rows, shuffled, before one comes again. Order: by class. A class without
// rows is left out. labels [count], each 0..classes-1.
std::vector<int64_t> balanced_rows(const std::vector<int64_t>& labels, int64_t classes, RandomStream& stream);

// Batches for evaluation: sorted by length, nothing dropped, no draw.
std::vector<std::vector<int64_t>> sorted_batches(const std::vector<int64_t>& lengths, int64_t batch_size);

}  // namespace infig
