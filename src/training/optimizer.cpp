#include "training/optimizer.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <map>
#include <numbers>
#include <utility>

#include "core/error.h"

namespace infig {

Optimizer::Optimizer(const torch::nn::Module& module, const OptimOptions& options, const ParameterRoles& roles) : options_(options) {
  const ParameterRates rates(module, options, roles);
  const bool squares = options.name != OptimizerName::kSgd, first = options.name != OptimizerName::kRmsprop, adaptive = squares && first;
  for (const auto& item : module.named_parameters()) {
    const at::Tensor& parameter = item.value();
    if (!parameter.requires_grad()) continue;
    const at::NoGradGuard no_grad;
    slots_.push_back(
        {.name = item.key(),
         .parameter = parameter,
         .exp_avg = first ? at::zeros_like(parameter) : at::Tensor(),
         .exp_avg_sq = squares ? at::zeros_like(parameter) : at::Tensor(),
         .step = adaptive ? at::zeros({}, parameter.options().dtype(at::kFloat)) : at::Tensor(),  // the fused kernels want a tensor
         .rate = rates.of(item.key(), parameter.dim())});
  }
}

void Optimizer::zero_grad() {
  for (auto& slot : slots_) slot.parameter.mutable_grad() = at::Tensor();
}

double Optimizer::step(double learning_rate, double loss_scale) {
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> all_grads;
  std::map<std::pair<double, double>, Group> groups;  // by scale and decay
  for (auto& slot : slots_) {
    const at::Tensor grad = slot.parameter.grad();
    if (!grad.defined()) continue;
    all_grads.push_back(grad);
    Group& group = groups[{slot.rate.scale, slot.rate.weight_decay}];
    group.parameters.push_back(slot.parameter);
    group.grads.push_back(grad);
    if (slot.exp_avg.defined()) group.exp_avgs.push_back(slot.exp_avg);
    if (slot.exp_avg_sq.defined()) group.exp_avg_sqs.push_back(slot.exp_avg_sq);
    if (slot.step.defined()) group.steps.push_back(slot.step);
  }
  if (all_grads.empty()) return 0;
  if (loss_scale != 1) at::_foreach_mul_(all_grads, 1 / loss_scale);
  const double norm = at::stack(at::_foreach_norm(all_grads, 2)).to(at::kDouble).norm().item<double>();
  if (!std::isfinite(norm)) return norm;
  if (options_.clip > 0 && norm > options_.clip) at::_foreach_mul_(all_grads, options_.clip / (norm + 1e-6));
  for (auto& [rate, group] : groups) update(group, learning_rate * rate.first, rate.second);
  return norm;
}

// Keras' RMSprop: v = rho v + (1 - rho) g^2, p = p - lr g / (sqrt(v) + eps).
void Optimizer::rmsprop(Group& group, double learning_rate, double weight_decay) const {
  if (weight_decay != 0) at::_foreach_add_(group.grads, group.parameters, weight_decay);
  at::_foreach_mul_(group.exp_avg_sqs, options_.rho);
  at::_foreach_addcmul_(group.exp_avg_sqs, group.grads, group.grads, 1 - options_.rho);
  std::vector<at::Tensor> roots = at::_foreach_sqrt(group.exp_avg_sqs);
  at::_foreach_add_(roots, options_.eps);
  at::_foreach_addcdiv_(group.parameters, group.grads, roots, -learning_rate);
}

void Optimizer::update(Group& group, double learning_rate, double weight_decay) {
  if (!group.steps.empty()) at::_foreach_add_(group.steps, 1);
  switch (options_.name) {
    case OptimizerName::kAdam:
      at::_fused_adam_(group.parameters, group.grads, group.exp_avgs, group.exp_avg_sqs, {}, group.steps, learning_rate, options_.beta1,
                       options_.beta2, weight_decay, options_.eps, false, false, std::nullopt, std::nullopt);
      break;
    case OptimizerName::kAdamW:
      at::_fused_adamw_(group.parameters, group.grads, group.exp_avgs, group.exp_avg_sqs, {}, group.steps, learning_rate, options_.beta1,
                        options_.beta2, weight_decay, options_.eps, false, false, std::nullopt, std::nullopt);
      break;
    case OptimizerName::kSgd:
      if (options_.momentum == 0) group.exp_avgs.clear();  // without momentum the kernel takes no buffers
      at::_fused_sgd_(group.parameters, group.grads, group.exp_avgs, weight_decay, options_.momentum, learning_rate, 0, options_.nesterov,
                      false, false, std::nullopt, std::nullopt);
      break;
    case OptimizerName::kRmsprop:
      rmsprop(group, learning_rate, weight_decay);
      break;
  }
  // The fused kernels do not increment version counters, by which folded and packed weights notice a change (nn/weight_state.h).
  for (const at::Tensor& parameter : group.parameters) parameter.unsafeGetTensorImpl()->bump_version();
}

std::string Optimizer::non_finite_gradient() const {
  for (const auto& slot : slots_) {
    const at::Tensor& grad = slot.parameter.grad();
    if (grad.defined() && !at::isfinite(grad).all().item<bool>()) return slot.name;
  }
  return "";
}

TensorMap Optimizer::state() const {
  TensorMap tensors;
  for (const auto& slot : slots_) {
    const bool sgd = !slot.exp_avg_sq.defined();
    if (slot.exp_avg.defined()) tensors[(sgd ? "momentum_buffer." : "exp_avg.") + slot.name] = slot.exp_avg;
    if (slot.exp_avg_sq.defined()) tensors["exp_avg_sq." + slot.name] = slot.exp_avg_sq;
    if (slot.step.defined()) tensors["step." + slot.name] = slot.step;
  }
  return tensors;
}

void Optimizer::restore(const TensorMap& tensors, const std::string& where) {
  const at::NoGradGuard no_grad;
  std::vector<std::string> problems;
  TensorMap mine = state();
  for (auto& [name, tensor] : mine) {
    const auto found = tensors.find(name);
    if (found == tensors.end()) {
      problems.push_back(name + " is missing");
    } else if (found->second.sizes() != tensor.sizes()) {
      problems.push_back(name + " has another shape");
    } else {
      tensor.copy_(found->second);
    }
  }
  if (!problems.empty())
    throw CheckpointError(fmt::format("{}: the optimizer's state does not fit this model: {}", where, fmt::join(problems, "; ")));
}

int64_t schedule_length(const std::vector<int64_t>& epochs, int64_t steps_per_epoch, int64_t step) {
  for (const int64_t planned : epochs) {
    if (step < planned * steps_per_epoch) return planned * steps_per_epoch;
  }
  return epochs.back() * steps_per_epoch;
}

double scheduled_rate(const OptimOptions& options, int64_t step, int64_t total, int64_t steps_per_epoch) {
  const double warm = std::floor(options.warmup * static_cast<double>(total));
  const auto at = static_cast<double>(step);
  if (at < warm) return options.lr * (at + 1) / warm;
  const double rest = std::max(1.0, static_cast<double>(total) - warm);
  const double progress = std::min(1.0, (at - warm) / rest);
  switch (options.schedule) {
    case Schedule::kConstant:
      return options.lr;
    case Schedule::kLinear:
      return options.lr * (1.0 - progress);
    case Schedule::kCosine:
      return options.lr * 0.5 * (1.0 + std::cos(std::numbers::pi * progress));
    case Schedule::kExponential:
      return options.lr * std::pow(options.decay, (at - warm) / static_cast<double>(std::max<int64_t>(1, steps_per_epoch)));
  }
  return options.lr;
}

}  // namespace infig
