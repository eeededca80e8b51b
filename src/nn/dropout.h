// Dropout with masks from a named stream of the run's seed, never from torch's global generator.
// The CPU's mask kernel is in philox_dropout.cpp, the same by tensor operations in philox_operations.cpp, the rest in dropout.cpp.
#pragma once

#include <torch/types.h>

#include <cstdint>

namespace infig {

// Constants of Philox's rounds under one key, on the device that draws.
struct PhiloxTables {
  at::Tensor keys;         // [10, 2, 1] int64: both halves of the key in each round
  at::Tensor multipliers;  // [2, 1] int64
};

// Where a training step draws its masks. A null pointer in a forward call means evaluation: no dropout.
//
// Masks are counter-based: element i (in row-major order) of the n-th call of a step is kept when the 16-bit word i % 8 of Philox block
// (i / 8, n) under key derive_seed(seed, "dropout", step) is at least round(65536 p). So they are the same for any thread count, and
// the backward pass draws them again instead of storing them. p is thereby rounded to a multiple of 2^-16, and the scale follows the
// rounded p. Other devices draw the same bits by tensor operations and keep the mask for the backward pass.
//
// A step may be computed in parts of its batch, and a part more than once: begin_part() says which posts come. A post's mask is then what
// it is in the undivided batch.
class DropoutSource {
 public:
  explicit DropoutSource(uint64_t seed);
  // x * mask / (1 - p) with P(mask = 1) = 1 - p; p = 0 returns x itself. x is floating; 0 <= p < 1, or ConfigError.
  // repeats: how often the posts follow each other in x: 1 for [B, ...], H for [H B, ...] (heads outside), 0 where x has no posts.
  at::Tensor apply(const at::Tensor& x, double p, int64_t repeats = 1);
  // Restarts the masks for one training step, so that a step's masks depend on (seed, step) alone. The whole batch comes.
  void begin_step(int64_t step);
  // Restarts the step's masks for its posts first .. first + posts - 1 of `all`. `stage` tells passes apart that draw masks of their own.
  void begin_part(int64_t first, int64_t posts, int64_t all, uint32_t stage = 0);
  // Where the calls of one stage of the present part begin.
  void begin_stage(uint32_t stage);
  // An independent copy with the same state: a recomputation gets the same masks.
  DropoutSource fork() const { return *this; }

 private:
  struct Part {
    int64_t first = 0, posts = 0, all = 0;  // all 0: the whole batch
  };
  uint64_t seed_;
  uint64_t key_ = 0;
  uint32_t calls_ = 0;  // calls of this step so far
  Part part_;
  PhiloxTables tables_;  // of this step's key, on the device they were last needed on; undefined before
};

inline at::Tensor dropout(const at::Tensor& x, double p, DropoutSource* source, int64_t repeats = 1) {
  return source == nullptr ? x : source->apply(x, p, repeats);
}

// The number of 65536 equally likely 16-bit words that drop an element.
uint32_t dropout_threshold(double p);

// y[i] = x[i] * scale where element first + i of mask (key, call) is kept, else 0, i = 0 .. count - 1, in parallel over at's threads.
template <typename T>
void philox_dropout(const T* x, T* y, int64_t count, uint64_t key, uint32_t call, uint32_t threshold, float scale, int64_t first = 0);

// The same masks by tensor operations: [count] bool on the tables' device, true where element first + i is dropped.
PhiloxTables philox_tables(uint64_t key, const at::Device& device);
at::Tensor philox_dropped(int64_t count, const PhiloxTables& tables, uint32_t call, uint32_t threshold, int64_t first = 0);

}  // namespace infig
