// InfoNCE over given logits (INFIG eq. 1 and 5).
#pragma once

#include <torch/types.h>

#include "losses/loss_term.h"

namespace infig {

// Sum over rows of -log(exp(logits[r, target_r]) / sum over allowed k of exp(logits[r, k])), in float32 (float64 stays).
//   logits   [R, K] float
//   targets  [R]    int64
//   excluded [R, K] bool, true = not in the denominator; may be undefined. The target itself is never excluded unless
//            `drop_positive`: then the denominator is without the target (the paper's literal reading; the loss can go below 0).
// A row whose denominator is empty under drop_positive counts as 0 and is left out of the count. R may be 0. Throws ShapeError
// (shapes, dtypes and, on the CPU, a target outside 0 .. K-1).
LossTerm info_nce(const at::Tensor& logits, const at::Tensor& targets, const at::Tensor& excluded, bool drop_positive = false);

// Cross-entropy summed over rows: logits [B, C] float, labels [B] int64. In float32 (float64 stays). Throws ShapeError.
LossTerm cross_entropy(const at::Tensor& logits, const at::Tensor& labels);

}  // namespace infig
