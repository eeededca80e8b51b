#include "training/weight_average.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/error.h"

namespace infig {

WeightAverage::WeightAverage(const torch::nn::Module& module, double decay) : decay_(decay) {
  if (!(decay > 0 && decay < 1)) throw ConfigError(fmt::format("train.ema_decay: {}, expected between 0 and 1", decay));
  const at::NoGradGuard no_grad;
  for (const auto& item : module.named_parameters()) {
    if (!item.value().requires_grad()) continue;
    names_.push_back("online." + item.key());
    parameters_.push_back(item.value());
    averages_.push_back(item.value().detach().clone());
  }
}

void WeightAverage::update() {
  const at::NoGradGuard no_grad;
  at::_foreach_lerp_(averages_, parameters_, 1 - decay_);
}

void WeightAverage::exchange() {
  const at::NoGradGuard no_grad;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    const at::Tensor kept = parameters_[i].detach().clone();
    parameters_[i].copy_(averages_[i]);
    averages_[i].copy_(kept);
  }
}

TensorMap WeightAverage::online() const {
  TensorMap tensors;
  for (size_t i = 0; i < names_.size(); ++i) tensors[names_[i]] = averages_[i];
  return tensors;
}

void WeightAverage::restore(const TensorMap& tensors, const std::string& where) {
  const at::NoGradGuard no_grad;
  std::vector<std::string> problems;
  for (size_t i = 0; i < names_.size(); ++i) {
    const auto found = tensors.find(names_[i]);
    if (found == tensors.end()) {
      problems.push_back(names_[i] + " is missing");
    } else if (found->second.sizes() != parameters_[i].sizes()) {
      problems.push_back(names_[i] + " has another shape");
    } else {
      averages_[i].copy_(parameters_[i]);
      parameters_[i].copy_(found->second);
    }
  }
  if (!problems.empty())
    throw CheckpointError(
        fmt::format("{}: the training weights stored with their average do not fit this model: {}", where, fmt::join(problems, "; ")));
}

}  // namespace infig
