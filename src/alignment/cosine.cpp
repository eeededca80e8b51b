#include "alignment/cosine.h"

#include <ATen/ATen.h>

#include <limits>

namespace infig {

at::Tensor similarity_precision(const at::Tensor& values) {
  return values.scalar_type() == at::kDouble || values.scalar_type() == at::kFloat ? values : values.to(at::kFloat);
}

at::Tensor inverse_norms(const at::Tensor& rows) {
  const at::Tensor norms = at::linalg_vector_norm(similarity_precision(rows), 2, at::IntArrayRef{-1});
  const at::Tensor dead = norms <= kNormFloor;
  // Zero norms are replaced before the division as well, so that the backward pass never computes 0 * infinity.
  const at::Tensor spoiled = norms == std::numeric_limits<double>::infinity();
  return norms.masked_fill(spoiled, std::numeric_limits<double>::quiet_NaN()).masked_fill(dead, 1).reciprocal().masked_fill(dead, 0);
}

at::Tensor unit_rows(const at::Tensor& rows) { return similarity_precision(rows) * inverse_norms(rows).unsqueeze(-1); }

}  // namespace infig
