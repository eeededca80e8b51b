#include "alignment/momentum.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string>
#include <vector>

#include "core/error.h"

namespace infig {
namespace {

using NamedTensors = torch::OrderedDict<std::string, at::Tensor>;

struct Pairs {
  std::vector<at::Tensor> online, twin;
};

std::string describe_twin(const at::Tensor& tensor) {
  return fmt::format("{} {} on {}", c10::toString(tensor.scalar_type()), tensor.sizes().vec(), tensor.device().str());
}

Pairs match(const NamedTensors& online, const NamedTensors& twin, std::vector<std::string>& faults) {
  Pairs pairs;
  for (const auto& item : twin) {
    const at::Tensor* source = online.find(item.key());
    if (source == nullptr) {
      faults.push_back(fmt::format("{} is not in the online module", item.key()));
    } else if (source->sizes() != item.value().sizes() || source->dtype() != item.value().dtype() ||
               source->device() != item.value().device()) {
      faults.push_back(
          fmt::format("{}: the twin has {}, the online module {}", item.key(), describe_twin(item.value()), describe_twin(*source)));
    } else {
      pairs.online.push_back(*source);
      pairs.twin.push_back(item.value());
    }
  }
  return pairs;
}

struct MatchedModules {
  Pairs parameters, buffers;
};

MatchedModules match_modules(const torch::nn::Module& online, const torch::nn::Module& twin) {
  std::vector<std::string> faults;
  MatchedModules matched{.parameters = match(online.named_parameters(), twin.named_parameters(), faults),
                         .buffers = match(online.named_buffers(), twin.named_buffers(), faults)};
  if (!faults.empty()) throw ShapeError(fmt::format("momentum twin does not fit its online module:\n  {}", fmt::join(faults, "\n  ")));
  return matched;
}

void copy(Pairs& pairs) {
  if (!pairs.twin.empty()) at::_foreach_copy_(pairs.twin, pairs.online);
}

}  // namespace

void copy_to_twin(const torch::nn::Module& online, torch::nn::Module& twin) {
  const at::NoGradGuard no_grad;
  MatchedModules matched = match_modules(online, twin);
  copy(matched.parameters);
  copy(matched.buffers);
  for (at::Tensor& parameter : matched.parameters.twin) parameter.set_requires_grad(false);
}

void update_twin(const torch::nn::Module& online, torch::nn::Module& twin, double momentum) {
  if (!(momentum >= 0 && momentum <= 1)) throw ConfigError(fmt::format("momentum must lie in [0, 1], found {}", momentum));
  const at::NoGradGuard no_grad;
  MatchedModules matched = match_modules(online, twin);
  // twin + (1 - m) (online - twin): one pass over memory instead of two.
  if (!matched.parameters.twin.empty()) at::_foreach_lerp_(matched.parameters.twin, matched.parameters.online, 1 - momentum);
  copy(matched.buffers);
}

}  // namespace infig
