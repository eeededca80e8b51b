#include "distributed/gather.h"

#include <ATen/ATen.h>
#include <torch/autograd.h>

#include "distributed/ranks_capsule.h"

namespace infig {
namespace {

class GatherRows : public torch::autograd::Function<GatherRows> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& mine, const std::vector<int64_t>& rows,
                            Ranks* ranks) {
    context->saved_data["rows"] = rows;
    context->saved_data["ranks"] = capsule_of(*ranks);
    return ranks->gather_rows(mine, rows);
  }
  static std::vector<at::Tensor> backward(torch::autograd::AutogradContext* context, const std::vector<at::Tensor>& gradients) {
    Ranks& ranks = ranks_of(context->saved_data["ranks"]);
    return {ranks.sum_rows(gradients[0], context->saved_data["rows"].toIntVector()), at::Tensor(), at::Tensor()};
  }
};

}  // namespace

at::Tensor gather_with_gradient(const at::Tensor& mine, const std::vector<int64_t>& rows, Ranks& ranks) {
  return ranks.several() ? GatherRows::apply(mine, rows, &ranks) : mine;
}

}  // namespace infig
