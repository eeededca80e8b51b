// Stochastic depth (Huang et al. 2016): in training the branch of a residual block is left out for whole posts.
#pragma once

#include <torch/types.h>

#include "nn/dropout.h"

namespace infig {

// Of one forward pass. y = x + m f(x) / (1 - p), m one mask bit a post from the step's masks (DropoutSource, so that parts of a batch and
// ranks have the same), p = rate * share; the network says each block's share: 0 of the first, up to 1.
struct StochasticDepth {
  double rate = 0;                  // [0, 1)
  DropoutSource* source = nullptr;  // null: evaluation, nothing is left out

  bool active() const { return source != nullptr && rate > 0; }
  // branch [B, ...] floating-point -> m branch / (1 - p); the branch itself where p is 0. Throws as DropoutSource::apply.
  at::Tensor thin(const at::Tensor& branch, double share) const;
};

// Shares of block `block` of `blocks`: from 0 to 1 (ResNet, ConvNeXt, Vision Transformers), and EfficientNet's and MobileNet's, which ends
// one step before 1.
inline double share_to_last(int64_t block, int64_t blocks) {
  return blocks > 1 ? static_cast<double>(block) / static_cast<double>(blocks - 1) : 0.0;
}
inline double share_below_all(int64_t block, int64_t blocks) { return static_cast<double>(block) / static_cast<double>(blocks); }

}  // namespace infig
