// Dropout with masks from a named stream of the run's seed, never from torch's global generator.
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
class DropoutSource {
 public:
  explicit DropoutSource(uint64_t seed);
  // x * mask / (1 - p) with P(mask = 1) = 1 - p; p = 0 returns x itself. x is floating; 0 <= p < 1, or ConfigError.
  at::Tensor apply(const at::Tensor& x, double p);
  // Restarts the masks for one training step, so that a step's masks depend on (seed, step) alone.
  void begin_step(int64_t step);

 private:
  uint64_t seed_;
  uint64_t key_ = 0;
  uint32_t calls_ = 0;   // calls of this step so far
  PhiloxTables tables_;  // of this step's key, on the device they were last needed on; undefined before
};

inline at::Tensor dropout(const at::Tensor& x, double p, DropoutSource* source) { return source == nullptr ? x : source->apply(x, p); }

// The number of 65536 equally likely 16-bit words that drop an element.
uint32_t dropout_threshold(double p);

// y[i] = x[i] * scale where element i of mask (key, call) is kept, else 0, i = 0 .. count - 1, in parallel over at's threads.
template <typename T>
void philox_dropout(const T* x, T* y, int64_t count, uint64_t key, uint32_t call, uint32_t threshold, float scale);

// The same masks by tensor operations: [count] bool on the tables' device, true where element first + i is dropped.
PhiloxTables philox_tables(uint64_t key, const at::Device& device);
at::Tensor philox_dropped(int64_t count, const PhiloxTables& tables, uint32_t call, uint32_t threshold, int64_t first = 0);

}  // namespace infig
