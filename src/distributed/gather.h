// Gathers the rows of all ranks into one tensor, with gradient.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

#include "distributed/ranks.h"

namespace infig {

// mine [n_r, ...] float or double -> [sum n_r, ...], the ranks' rows in rank order; rows[r] = n_r, the same on every rank. Backward gives
// each rank the sum over all ranks of the gradients of its own rows: if each rank's loss is its share of the total, these are the gradients
// of the total. Collective in forward and backward: every rank must reach both, even with n_r = 0. With one rank it returns `mine`.
at::Tensor gather_with_gradient(const at::Tensor& mine, const std::vector<int64_t>& rows, Ranks& ranks);

}  // namespace infig
