#include "nn/stochastic_depth.h"

#include <ATen/ATen.h>

#include <vector>

namespace infig {

at::Tensor StochasticDepth::thin(const at::Tensor& branch, double share) const {
  if (!active() || share <= 0) return branch;
  std::vector<int64_t> shape(static_cast<size_t>(branch.dim()), 1);
  shape[0] = branch.size(0);
  const at::Tensor ones = at::ones({branch.size(0)}, branch.options().dtype(at::kFloat));
  return branch * source->apply(ones, rate * share).to(branch.scalar_type()).view(shape);
}

}  // namespace infig
