// Dropout with masks from a named stream of the run's seed, never from torch's global generator.
// The mask kernel for CPUs is in philox_dropout.cpp, the same with tensor operations in philox_operations.cpp, the rest in dropout.cpp.
#pragma once

#include <torch/types.h>

#include <cstdint>

namespace infig {

// Constants of Philox's rounds for one key, on the device that generates the masks.
struct PhiloxTables {
  at::Tensor keys;         // [10, 2, 1] int64: both halves of each round's key
  at::Tensor multipliers;  // [2, 1] int64
};

// The source of a training step's dropout masks. A null pointer in a forward call means evaluation: no dropout.
//
// Masks are counter-based: element i (in row-major order) of the n-th call of a step is kept if the 16-bit word i % 8 of Philox block (i /
// 8, n) under the key derive_seed(seed, "dropout", step) is at least round(65536 p). They are therefore the same for any number of threads,
// and the backward pass regenerates them instead of storing them. p is thus rounded to a multiple of 2^-16, and the scale uses the rounded
// p. Devices other than the CPU generate the same bits with tensor operations and keep the mask for the backward pass.
//
// A step may be computed in parts of its batch, and a part more than once: begin_part() announces the posts that follow. Each post then has
// the mask that it has in the undivided batch.
class DropoutSource {
 public:
  explicit DropoutSource(uint64_t seed);
  // Returns x * mask / (1 - p), P(mask = 1) = 1 - p; x itself if p = 0. x is floating-point. Throws ConfigError unless 0 <= p < 1.
  // repeats: how often the sequence of posts occurs in x: 1 for [B, ...], H for [H B, ...] (heads outermost), 0 if x has no posts.
  at::Tensor apply(const at::Tensor& x, double p, int64_t repeats = 1);
  // Starts the masks of a training step, which depend only on (seed, step). The following calls are for the whole batch.
  void begin_step(int64_t step);
  // Restarts the step's masks for posts first .. first + posts - 1 of `all`. Passes with different `stage` have independent masks.
  void begin_part(int64_t first, int64_t posts, int64_t all, uint32_t stage = 0);
  // Starts the masks of another stage for the current part.
  void begin_stage(uint32_t stage);
  // Returns an independent copy with the same state, so that a recomputation gets the same masks.
  DropoutSource fork() const { return *this; }

 private:
  struct Part {
    int64_t first = 0, posts = 0, all = 0;  // all 0: the whole batch
  };
  uint64_t seed_;
  uint64_t key_ = 0;
  uint32_t calls_ = 0;  // calls of this step so far
  Part part_;
  PhiloxTables tables_;  // for this step's key, on the device that used them last; undefined before the first use
};

inline at::Tensor dropout(const at::Tensor& x, double p, DropoutSource* source, int64_t repeats = 1) {
  return source == nullptr ? x : source->apply(x, p, repeats);
}

// How many of the 65536 equally likely 16-bit words drop an element.
uint32_t dropout_threshold(double p);

// y[i] = x[i] * scale if element first + i of the mask (key, call) is kept, else 0, for i = 0 .. count - 1. Runs on ATen's threads.
template <typename T>
void philox_dropout(const T* x, T* y, int64_t count, uint64_t key, uint32_t call, uint32_t threshold, float scale, int64_t first = 0);

// The same masks with tensor operations: [count] bool on the tables' device, true if element first + i is dropped.
PhiloxTables philox_tables(uint64_t key, const at::Device& device);
at::Tensor philox_dropped(int64_t count, const PhiloxTables& tables, uint32_t call, uint32_t threshold, int64_t first = 0);

}  // namespace infig
