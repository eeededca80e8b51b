// initialize_baseline(), see layers.h.
#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "core/random.h"
#include "model/baselines/layers.h"

namespace infig {
namespace {

// Values in row-major order on the CPU, so that they depend on seed, name and shape alone.
void set_uniform(at::Tensor parameter, double bound, uint64_t seed, const std::string& name) {
  const at::Generator generator = at::detail::createCPUGenerator(derive_seed(seed, name));
  parameter.copy_(at::empty(parameter.sizes(), at::TensorOptions(at::kFloat)).uniform_(-bound, bound, generator));
}

// Phi^-1(u) for u between Phi(-2) and Phi(2): a normal draw within two deviations.
void set_truncated_normal(at::Tensor parameter, double deviation, uint64_t seed, const std::string& name) {
  const at::Generator generator = at::detail::createCPUGenerator(derive_seed(seed, name));
  const double edge = std::erf(2.0 / std::sqrt(2.0));
  const at::Tensor u = at::empty(parameter.sizes(), at::TensorOptions(at::kDouble)).uniform_(-edge, edge, generator);
  parameter.copy_(at::erfinv(u) * (deviation * std::sqrt(2.0)));
}

// Inputs of the layer that a parameter of PyTorch's rule belongs to: of a recurrent layer the width of its state.
int64_t fan_in(const torch::OrderedDict<std::string, at::Tensor>& parameters, const std::string& name) {
  const size_t dot = name.rfind('.') + 1;  // 0 where there is none
  std::string leaf = name.substr(dot);
  const bool recurrent = leaf.find("_ih") != std::string::npos || leaf.find("_hh") != std::string::npos;
  if (recurrent) leaf = "weight_hh" + leaf.substr(leaf.find("_ih") != std::string::npos ? leaf.find("_ih") + 3 : leaf.find("_hh") + 3);
  if (!recurrent && leaf == "bias") leaf = "weight";
  const auto* found = parameters.find(name.substr(0, dot) + leaf);
  return found == nullptr || found->dim() < 2 ? 1 : found->size(1);
}

bool left_out(const std::string& name, const std::vector<std::string>& except) {
  return std::any_of(except.begin(), except.end(), [&name](const std::string& prefix) { return name.starts_with(prefix); });
}

}  // namespace

void initialize_baseline(torch::nn::Module& module, StartRule rule, uint64_t seed, const std::vector<std::string>& except) {
  const at::NoGradGuard no_grad;
  const auto parameters = module.named_parameters();
  for (const auto& item : parameters) {
    const std::string& name = item.key();
    const at::Tensor& value = item.value();
    if (!value.requires_grad() || left_out(name, except)) continue;
    const bool matrix = value.dim() >= 2;
    const bool norm = !matrix && name.ends_with("norm.weight");
    if (norm) {
      at::Tensor(value).fill_(1.0);
    } else if (!matrix && name.ends_with("norm.bias")) {
      at::Tensor(value).zero_();
    } else if (rule == StartRule::kTorch) {
      set_uniform(value, 1.0 / std::sqrt(static_cast<double>(fan_in(parameters, name))), seed, name);
    } else if (!matrix) {
      at::Tensor(value).fill_(rule == StartRule::kTruncatedNormal ? 0.01 : 0.0);
    } else if (rule == StartRule::kTruncatedNormal) {
      set_truncated_normal(value, 0.08, seed, name);
    } else {
      set_uniform(value, std::sqrt(6.0 / static_cast<double>(value.size(0) + value.size(1))), seed, name);
    }
  }
}

}  // namespace infig
