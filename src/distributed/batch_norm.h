// BatchNorm in training mode, with batch statistics over the posts of all ranks.
#pragma once

#include <torch/types.h>

#include "distributed/ranks.h"

namespace infig {

struct BatchNormState {
  at::Tensor weight, bias;               // [C] float
  at::Tensor running_mean, running_var;  // [C] float, updated in place: r <- (1 - momentum) r + momentum s, with the unbiased variance
  double momentum = 0.1, eps = 1e-5;
};

// x [B_r, C, h, w] -> (x - mean) / sqrt(var + eps) weight + bias, with mean and (biased) variance over B_r x h x w of all ranks. Gradients
// are those of the sum of all ranks' losses; for weight and bias they are this rank's share. Collective in forward and backward. With one
// rank: at::batch_norm.
at::Tensor batch_norm_over_ranks(const at::Tensor& x, const BatchNormState& state, Ranks& ranks);

// While an instance lives, BatchNorm in training mode on this thread uses the statistics of these ranks.
class BatchNormRanks {
 public:
  explicit BatchNormRanks(Ranks& ranks);
  ~BatchNormRanks();
  BatchNormRanks(const BatchNormRanks&) = delete;
  BatchNormRanks& operator=(const BatchNormRanks&) = delete;
  static Ranks& current();  // Ranks::alone() outside any instance

 private:
  Ranks* before_;
};

}  // namespace infig
