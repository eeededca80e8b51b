// Dropout with masks from a named stream of the run's seed, never from torch's global generator.
#pragma once

#include <ATen/core/Generator.h>
#include <torch/types.h>

#include <cstdint>

namespace infig {

// Where a training step draws its masks. A null pointer in a forward call means evaluation: no dropout.
//
// Masks are counter-based: element i (in row-major order) of the n-th call of a step is kept when the 16-bit word i % 8 of Philox block
// (i / 8, n) under key derive_seed(seed, "dropout", step) is at least round(65536 p). So they are the same for any thread count, and
// the backward pass draws them again instead of storing them. p is thereby rounded to a multiple of 2^-16, and the scale follows the
// rounded p. On a device other than the CPU a torch::Generator of that device with the same key draws the masks (other bits).
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
  uint32_t calls_ = 0;       // calls of this step so far
  at::Generator generator_;  // of the accelerator; made when first needed
};

inline at::Tensor dropout(const at::Tensor& x, double p, DropoutSource* source) { return source == nullptr ? x : source->apply(x, p); }

// The number of 65536 equally likely 16-bit words that drop an element.
uint32_t dropout_threshold(double p);

// y[i] = x[i] * scale where element i of mask (key, call) is kept, else 0, i = 0 .. count - 1, in parallel over at's threads.
template <typename T>
void philox_dropout(const T* x, T* y, int64_t count, uint64_t key, uint32_t call, uint32_t threshold, float scale);

}  // namespace infig
