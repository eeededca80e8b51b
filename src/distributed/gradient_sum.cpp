#include "distributed/gradient_sum.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <torch/csrc/autograd/function_hook.h>
#include <torch/csrc/autograd/functions/accumulate_grad.h>
#include <torch/csrc/autograd/utils/lambda_post_hook.h>
#include <torch/csrc/autograd/variable.h>

#include <algorithm>

#include "core/error.h"

namespace infig {

// Keeps a parameter's gradient accumulator alive, which autograd holds only weakly, and with it the hook.
struct GradientSum::Hook {
  decltype(torch::autograd::impl::grad_accumulator(at::Tensor())) accumulator;  // its pointer type depends on libtorch's version
  uintptr_t key = 0;
  ~Hook() { accumulator->del_post_hook(key); }
};

GradientSum::GradientSum(const torch::nn::Module& module, Ranks& ranks, GradientSumOptions options)
    : ranks_(&ranks), overlap_(options.overlap) {
  if (!ranks.several()) return;
  if (options.bucket_mib < 1) throw ConfigError("gradient buckets: must be 1 MiB at least");
  const int64_t most = options.bucket_mib * (int64_t{1} << 20) / static_cast<int64_t>(sizeof(float));
  std::vector<at::Tensor> parameters;
  for (const at::Tensor& parameter : module.parameters()) {
    if (parameter.requires_grad()) parameters.push_back(parameter);
  }
  std::vector<int64_t> sizes;
  std::reverse(parameters.begin(), parameters.end());
  for (const at::Tensor& parameter : parameters) {
    if (parameter.scalar_type() != at::kFloat || !parameter.device().is_cpu() || !parameter.is_non_overlapping_and_dense())
      throw ShapeError("gradient buckets: parameters must be dense float32 on the CPU");
    if (sizes.empty() || sizes.back() + parameter.numel() > most) {
      buckets_.emplace_back();
      sizes.push_back(0);
    }
    slots_.push_back({.parameter = parameter, .offset = sizes.back(), .bucket = buckets_.size() - 1});
    sizes.back() += parameter.numel();
    ++buckets_.back().slots;
  }
  for (size_t b = 0; b < buckets_.size(); ++b) buckets_[b].values = at::zeros({sizes[b]}, at::kFloat);
  if (!overlap_) return;
  for (Slot& slot : slots_) {  // slots_ does not change from here on, so the reference stays valid
    auto hook = std::make_unique<Hook>();
    hook->accumulator = torch::autograd::impl::grad_accumulator(slot.parameter);
    hook->key = hook->accumulator->add_post_hook(std::make_unique<torch::autograd::utils::LambdaPostHook>(
        [this, &slot](const torch::autograd::variable_list& outputs, const torch::autograd::variable_list&) {
          completed(slot);
          return outputs;
        }));
    hooks_.push_back(std::move(hook));
  }
}

GradientSum::~GradientSum() = default;

void GradientSum::arm() {
  if (!ranks_->several()) return;
  armed_ = true;
  sent_ = 0;
  for (Slot& slot : slots_) slot.filled = false;
  for (Bucket& bucket : buckets_) bucket.missing = bucket.slots;
}

// Copies the gradient into the bucket and makes .grad a view of it, where the sum will be.
void GradientSum::fill(Slot& slot) {
  const at::NoGradGuard no_grad;
  // The view has the parameter's strides (convolutions are channels-last), because fused optimizers iterate over both in memory order.
  at::Tensor place = buckets_[slot.bucket].values.as_strided(slot.parameter.sizes(), slot.parameter.strides(), slot.offset);
  const at::Tensor& gradient = slot.parameter.grad();
  if (gradient.defined()) {
    place.copy_(gradient);
  } else {
    place.zero_();
  }
  slot.parameter.mutable_grad() = std::move(place);
  slot.filled = true;
  --buckets_[slot.bucket].missing;
}

void GradientSum::completed(Slot& slot) {
  if (!armed_) return;
  if (slot.filled) throw ShapeError("gradient buckets: a parameter received its gradient twice in one backward pass");
  fill(slot);
  send_ready();
}

void GradientSum::send_ready() {
  for (; sent_ < buckets_.size() && buckets_[sent_].missing == 0; ++sent_) {
    at::Tensor& values = buckets_[sent_].values;
    ranks_->start_sum(values.mutable_data_ptr<float>(), values.numel());
  }
  ranks_->progress();
}

void GradientSum::finish() {
  if (!ranks_->several()) return;
  if (!armed_) throw ShapeError("gradient buckets: finish() without arm()");
  armed_ = false;
  // Parameters without a gradient on any rank must remain without one: the optimizer skips them, as with one rank.
  std::vector<double> present;
  for (const Slot& slot : slots_) present.push_back(slot.filled || slot.parameter.grad().defined() ? 1 : 0);
  for (Slot& slot : slots_) {
    if (!slot.filled) fill(slot);
  }
  send_ready();
  ranks_->sum(present);
  ranks_->finish_sums();
  for (size_t s = 0; s < slots_.size(); ++s) {
    if (present[s] == 0) slots_[s].parameter.mutable_grad() = at::Tensor();
  }
}

}  // namespace infig
