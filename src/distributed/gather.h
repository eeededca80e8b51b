// Rows of all ranks as one tensor, with gradient.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

#include "distributed/ranks.h"

namespace infig {

// mine [n_r, ...] float or double -> [sum n_r, ...], one rank's rows below the other's; rows[r] = n_r, alike on every rank. Backward gives
// each rank the sum over ranks of its own rows' gradients, so that when every rank's loss is its share of the whole, gradients are of the
// whole. Collective forward and backward: every rank must reach it in both, also with n_r = 0. With one rank: `mine` itself.
at::Tensor gather_with_gradient(const at::Tensor& mine, const std::vector<int64_t>& rows, Ranks& ranks);

}  // namespace infig
