#include "distributed/gather.h"

#include <ATen/ATen.h>
#include <torch/autograd.h>

namespace infig {
namespace {

class GatherRows : public torch::autograd::Function<GatherRows> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& mine, const std::vector<int64_t>& rows,
                            Ranks* ranks) {
    context->saved_data["rows"] = rows;
    context->saved_data["ranks"] = reinterpret_cast<int64_t>(ranks);  // outlives every graph
    return ranks->gather_rows(mine, rows);
  }
  static std::vector<at::Tensor> backward(torch::autograd::AutogradContext* context, const std::vector<at::Tensor>& gradients) {
    auto* ranks = reinterpret_cast<Ranks*>(context->saved_data["ranks"].toInt());
    return {ranks->sum_rows(gradients[0], context->saved_data["rows"].toIntVector()), at::Tensor(), at::Tensor()};
  }
};

}  // namespace

at::Tensor gather_with_gradient(const at::Tensor& mine, const std::vector<int64_t>& rows, Ranks& ranks) {
  return ranks.several() ? GatherRows::apply(mine, rows, &ranks) : mine;
}

}  // namespace infig
