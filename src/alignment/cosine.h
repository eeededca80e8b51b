// Unit vectors for cosine similarity, in float32 or float64.
#pragma once

#include <torch/types.h>

namespace infig {

// Rows with a norm of at most this count as zero: their cosine with anything is 0, and they get no gradient. (Clamping the norm to this
// minimum instead would give such rows gradients of up to 1e12.)
inline constexpr double kNormFloor = 1e-12;

// Returns 1 / |row| over the last dimension: [..., D] float -> [...]. 0 for a row whose norm is at most kNormFloor; NaN for a row that
// contains a NaN or an infinity or whose norm overflows.
at::Tensor inverse_norms(const at::Tensor& rows);

// Divides rows by their norms; differentiable. float16 and bfloat16 become float32. [..., D] -> [..., D].
at::Tensor unit_rows(const at::Tensor& rows);

// Converts float16 and bfloat16 to float32, and returns other types unchanged; differentiable (method.md row 40).
at::Tensor similarity_precision(const at::Tensor& values);

}  // namespace infig
