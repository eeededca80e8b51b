// A loss as (sum, count), so that terms with different counts combine correctly over accumulated parts and ranks.
#pragma once

#include <torch/types.h>

namespace infig {

struct LossTerm {
  at::Tensor sum;     // scalar float, with gradient
  int64_t count = 0;  // number of items in the sum; 0: the loss has no items in this batch, and sum is 0

  at::Tensor mean() const { return count > 0 ? sum / static_cast<double>(count) : sum; }
};

}  // namespace infig
