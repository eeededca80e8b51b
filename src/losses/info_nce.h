// InfoNCE over given logits (INFIG eq. 1 and 5).
#pragma once

#include <torch/types.h>

#include "losses/loss_term.h"

namespace infig {

// Sum over the rows of -log(exp(logits[r, target_r]) / sum over allowed k of exp(logits[r, k])), in float32 (float64 for float64 logits).
//   logits   [R, K] float
//   targets  [R]    int64
//   excluded [R, K] bool, true = not in the denominator; may be undefined. The target is always in the denominator unless
//            `drop_positive` is set (the paper's literal equation, whose loss can be negative).
// With drop_positive, a row whose denominator is empty contributes 0 and is not counted. R may be 0. Throws ShapeError for wrong shapes or
// dtypes and, on the CPU, for a target outside 0 .. K-1.
LossTerm info_nce(const at::Tensor& logits, const at::Tensor& targets, const at::Tensor& excluded, bool drop_positive = false);

// Cross-entropy summed over the rows: logits [B, C] float, labels [B] int64. In float32 (float64 for float64 logits). Throws ShapeError.
LossTerm cross_entropy(const at::Tensor& logits, const at::Tensor& labels);

}  // namespace infig
