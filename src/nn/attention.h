// Scaled dot-product attention over several heads, and the masks of its scores.
#pragma once

#include <torch/types.h>

#include "nn/dropout.h"

namespace infig {

// softmax(q k^T / sqrt(d) + bias) v for every head.
//   query [B, H, T, d], key and value [B, H, S, d]; bias is added to the scores and is of any shape that broadcasts to [B, H, T, S], or
//   undefined. Values of 0 and lowest_value() mask; a row whose bias is lowest everywhere attends to all tokens alike.
//   dropout_prob: of the probabilities, where `source` is not null.
//   With `attention` non-null it receives the probabilities [B, H, T, S] (before dropout).
// Returns [B, T, H d].
at::Tensor attend(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value, const at::Tensor& bias, double dropout_prob,
                  DropoutSource* source, at::Tensor* attention = nullptr);

// mask [B, T] (bool or int, 1 = attend) -> [B, 1, 1, T] float bias of 0 and lowest(float). Throws ShapeError.
at::Tensor attention_bias(const at::Tensor& mask);

// The lowest finite value of a floating type: what masked scores are filled with.
double lowest_value(at::ScalarType type);

// Softmax over the last dimension, in float32 where scores are half or bfloat16 (float64 stays).
at::Tensor softmax_last(const at::Tensor& scores);

}  // namespace infig
