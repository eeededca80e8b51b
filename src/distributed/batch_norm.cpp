#include "distributed/batch_norm.h"

#include <ATen/ATen.h>
#include <torch/autograd.h>

#include <vector>

#include "distributed/ranks_capsule.h"

namespace infig {
namespace {

thread_local Ranks* batch_norm_ranks = nullptr;

const std::vector<int64_t> kAllButChannels = {0, 2, 3};

// Sums a few values per channel over the ranks, in double.
at::Tensor summed(const std::vector<at::Tensor>& rows, Ranks& ranks) {
  at::Tensor all = at::stack(rows).to(at::kDouble).contiguous();
  ranks.sum({all.mutable_data_ptr<double>(), static_cast<size_t>(all.numel())});
  return all;
}

at::Tensor at_least_float(const at::Tensor& x) { return x.scalar_type() == at::kDouble ? x : x.to(at::kFloat); }

// Reshapes [C] to broadcast with x [B, C, h, w].
at::Tensor a_channel(const at::Tensor& values, const at::Tensor& x) { return values.to(x.scalar_type()).view({1, -1, 1, 1}); }

class RanksBatchNorm : public torch::autograd::Function<RanksBatchNorm> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x, const at::Tensor& weight,
                            const at::Tensor& bias, const BatchNormState& state, Ranks* ranks) {
    const at::Tensor values = at_least_float(x);
    // Two passes, first the mean and then the squared deviations: a difference of squares would lose precision.
    const at::Tensor items = at::full({x.size(1)}, static_cast<double>(x.numel() / std::max<int64_t>(x.size(1), 1)), at::kDouble);
    const at::Tensor sums = summed({values.sum(kAllButChannels), items}, *ranks);
    const at::Tensor mean = sums[0] / sums[1];
    const at::Tensor var = summed({(values - a_channel(mean, values)).square().sum(kAllButChannels)}, *ranks)[0] / sums[1];
    const at::Tensor unbiased = var * (sums[1] / (sums[1] - 1));
    state.running_mean.mul_(1 - state.momentum).add_(mean.to(state.running_mean.scalar_type()), state.momentum);
    state.running_var.mul_(1 - state.momentum).add_(unbiased.to(state.running_var.scalar_type()), state.momentum);
    const at::Tensor inverse = (var + state.eps).rsqrt();
    context->save_for_backward({x, weight, mean, inverse, sums[1]});
    context->saved_data["ranks"] = capsule_of(*ranks);
    return at::batch_norm(x, weight, bias, mean.to(weight.scalar_type()), var.to(weight.scalar_type()), false, 0, state.eps, true);
  }

  // With d the output's gradient and u = x - mean: dx = w s (d - mean(d) - u s^2 mean(d u)), s = 1 / sqrt(var + eps).
  static std::vector<at::Tensor> backward(torch::autograd::AutogradContext* context, const std::vector<at::Tensor>& gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &weight = saved[1], &mean = saved[2], &inverse = saved[3], &items = saved[4];
    Ranks& ranks = ranks_of(context->saved_data["ranks"]);
    const at::Tensor d = at_least_float(gradients[0]), u = at_least_float(x) - a_channel(mean, d);
    const at::Tensor own_d = d.sum(kAllButChannels), own_du = (d * u).sum(kAllButChannels);
    const at::Tensor sums = summed({own_d, own_du}, ranks);
    const at::Tensor scale = weight.to(at::kDouble) * inverse;
    at::Tensor dx =
        (d - a_channel(sums[0] / items, d)).sub_(u * a_channel(sums[1] / items * inverse.square(), d)).mul_(a_channel(scale, d));
    return {dx.to(x.scalar_type()), (own_du * inverse.to(d.scalar_type())).to(weight.scalar_type()), own_d.to(weight.scalar_type()),
            at::Tensor(), at::Tensor()};
  }
};

}  // namespace

BatchNormRanks::BatchNormRanks(Ranks& ranks) : before_(batch_norm_ranks) { batch_norm_ranks = &ranks; }
BatchNormRanks::~BatchNormRanks() { batch_norm_ranks = before_; }
Ranks& BatchNormRanks::current() { return batch_norm_ranks != nullptr ? *batch_norm_ranks : Ranks::alone(); }

at::Tensor batch_norm_over_ranks(const at::Tensor& x, const BatchNormState& state, Ranks& ranks) {
  if (!ranks.several()) {
    return at::batch_norm(x, state.weight, state.bias, state.running_mean, state.running_var, true, state.momentum, state.eps, true);
  }
  return RanksBatchNorm::apply(x, state.weight, state.bias, state, &ranks);
}

}  // namespace infig
