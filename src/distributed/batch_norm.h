// BatchNorm in training mode whose statistics are of all ranks' posts.
#pragma once

#include <torch/types.h>

#include "distributed/ranks.h"

namespace infig {

struct BatchNormState {
  at::Tensor weight, bias;               // [C] float
  at::Tensor running_mean, running_var;  // [C] float, updated in place: r <- (1 - momentum) r + momentum s, the variance unbiased
  double momentum = 0.1, eps = 1e-5;
};

// x [B_r, C, h, w] -> (x - mean) / sqrt(var + eps) weight + bias with the (biased) statistics over B_r x h x w of every rank. Gradients are
// of the sum of all ranks' losses; those of weight and bias are this rank's share. Collective forward and backward. With one rank, what
// at::batch_norm gives.
at::Tensor batch_norm_over_ranks(const at::Tensor& x, const BatchNormState& state, Ranks& ranks);

// While it lives, BatchNorm of this thread's forward passes in training mode is over these ranks.
class BatchNormRanks {
 public:
  explicit BatchNormRanks(Ranks& ranks);
  ~BatchNormRanks();
  BatchNormRanks(const BatchNormRanks&) = delete;
  BatchNormRanks& operator=(const BatchNormRanks&) = delete;
  static Ranks& current();  // Ranks::alone() outside

 private:
  Ranks* before_;
};

}  // namespace infig
