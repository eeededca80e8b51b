// A loss as (sum, count), so that terms of different counts add up rightly over accumulation and ranks.
#pragma once

#include <torch/types.h>

namespace infig {

struct LossTerm {
  at::Tensor sum;     // scalar float, with gradient
  int64_t count = 0;  // items summed; 0: the term is absent from this batch and sum is 0

  at::Tensor mean() const { return count > 0 ? sum / static_cast<double>(count) : sum; }
};

}  // namespace infig
