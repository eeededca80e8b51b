// Activation checkpointing (Chen et al. 2016): a layer's activations are discarded after the forward pass and recomputed in the backward
// pass. Memory for one layer instead of all, at the cost of one more forward pass.
#pragma once

#include <torch/types.h>

#include <functional>

#include "nn/dropout.h"

namespace infig {

// While an instance with `active` lives, layers run through recomputable() on this thread are recomputed.
class RecomputeScope {
 public:
  explicit RecomputeScope(bool active);
  ~RecomputeScope();
  RecomputeScope(const RecomputeScope&) = delete;
  RecomputeScope& operator=(const RecomputeScope&) = delete;

 private:
  bool before_;
};

// One layer: (x, other, source) -> y. `other` is a second input that may receive gradients, or undefined. Anything else that the function
// captures must not require a gradient, except for parameters, and must live until backward has run.
using RecomputableLayer = std::function<at::Tensor(const at::Tensor& x, const at::Tensor& other, DropoutSource* source)>;

// Returns layer(x, other, source). Inside an active RecomputeScope, with gradients enabled, only x and other are kept for backward; the
// second pass has the same dropout masks and autocast as the first. Gradients equal those of a plain call bit for bit if the layer's
// kernels are deterministic. Double backward is not supported.
at::Tensor recomputable(const RecomputableLayer& layer, const at::Tensor& x, const at::Tensor& other, DropoutSource* source);

}  // namespace infig
