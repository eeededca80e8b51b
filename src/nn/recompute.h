// Activation checkpointing: a layer's inner tensors are thrown away after the forward pass and computed again when backward comes
// (Chen et al. 2016). Memory of one layer instead of all of them, for one more forward pass.
#pragma once

#include <torch/types.h>

#include <functional>

#include "nn/dropout.h"

namespace infig {

// While it lives, layers of this thread's forward passes are recomputed where they can be.
class RecomputeScope {
 public:
  explicit RecomputeScope(bool active);
  ~RecomputeScope();
  RecomputeScope(const RecomputeScope&) = delete;
  RecomputeScope& operator=(const RecomputeScope&) = delete;

 private:
  bool before_;
};

// One layer: (x, other, source) -> y. `other` is a second input that gradients may flow to, or undefined. Whatever else the function
// captures must be without gradient, apart from parameters, and must live until backward has run.
using RecomputableLayer = std::function<at::Tensor(const at::Tensor& x, const at::Tensor& other, DropoutSource* source)>;

// layer(x, other, source); inside a RecomputeScope, with gradients on, the same values while only x and other are kept. Dropout masks
// and autocast are in the second pass what they were in the first. Gradients equal those of a plain call bit for bit where the layer's
// kernels give equal bits twice. Cannot be differentiated a second time.
at::Tensor recomputable(const RecomputableLayer& layer, const at::Tensor& x, const at::Tensor& other, DropoutSource* source);

}  // namespace infig
