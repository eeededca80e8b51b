// Dropout with masks from a named stream of the run's seed, never from torch's global generator.
#pragma once

#include <cstdint>

#include <ATen/core/Generator.h>
#include <torch/types.h>

namespace infig {

// Where a training step draws its masks. A null pointer in a forward call means evaluation: no dropout.
class DropoutSource {
 public:
  explicit DropoutSource(uint64_t seed);
  // x * mask / (1 - p) with P(mask = 1) = 1 - p; p = 0 returns x itself.
  at::Tensor apply(const at::Tensor& x, double p);
  // Restarts the masks for one training step, so that a step's masks depend on (seed, step) alone.
  void begin_step(int64_t step);

 private:
  uint64_t seed_;
  at::Generator generator_;
};

inline at::Tensor dropout(const at::Tensor& x, double p, DropoutSource* source) { return source == nullptr ? x : source->apply(x, p); }

}  // namespace infig
