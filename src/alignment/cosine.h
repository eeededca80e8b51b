// Unit vectors for cosine similarity, in float32 at least.
#pragma once

#include <torch/types.h>

namespace infig {

// Rows no longer than this count as zero: their cosine with anything is 0 and no gradient flows to them. (Dividing by a floor
// instead would send gradients of 1e12 into a dead row.)
inline constexpr double kNormFloor = 1e-12;

// 1 / |row| over the last dimension: [..., D] float -> [...]; 0 for a row whose norm is at most kNormFloor, NaN for one that
// holds a NaN or an infinity or whose norm overflows.
at::Tensor inverse_norms(const at::Tensor& rows);

// Rows divided by their norms, differentiable; float16 and bfloat16 become float32. [..., D] -> [..., D].
at::Tensor unit_rows(const at::Tensor& rows);

// float16 and bfloat16 to float32, others as they are; differentiable (method.md row 40).
at::Tensor similarity_precision(const at::Tensor& values);

}  // namespace infig
