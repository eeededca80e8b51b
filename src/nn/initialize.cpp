#include "nn/initialize.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include <cmath>
#include <string>

#include "core/random.h"

namespace infig {
namespace {

// Values are drawn on the CPU in row-major order, whatever the parameter's layout and device, so they depend only on seed, name and shape.
void fill_normal(at::Tensor parameter, double std, uint64_t seed, const std::string& name) {
  const at::Generator generator = at::detail::createCPUGenerator(derive_seed(seed, name));
  at::Tensor values = at::empty(parameter.sizes(), parameter.options().device(at::kCPU).memory_format(at::MemoryFormat::Contiguous));
  parameter.copy_(values.normal_(0.0, std, generator));
}

// In all modules of this project, a vector is either a bias or the weight of a normalisation layer.
void fill_vector(at::Tensor parameter, const std::string& name) { parameter.fill_(name.ends_with("weight") ? 1.0 : 0.0); }

}  // namespace

void initialize_transformer(torch::nn::Module& module, double std, uint64_t seed, const std::string& except) {
  const at::NoGradGuard no_grad;
  for (const auto& item : module.named_parameters()) {
    if (!except.empty() && item.key().starts_with(except)) continue;
    if (item.value().dim() >= 2) {
      fill_normal(item.value(), std, seed, item.key());
    } else {
      fill_vector(item.value(), item.key());
    }
  }
}

void initialize_convolutions(torch::nn::Module& module, uint64_t seed) {
  const at::NoGradGuard no_grad;
  for (const auto& item : module.named_parameters()) {
    const at::Tensor& weight = item.value();
    if (weight.dim() >= 2) {
      const auto fan_out = static_cast<double>(weight.numel() / weight.size(1));
      fill_normal(weight, std::sqrt(2.0 / fan_out), seed, item.key());
    } else {
      fill_vector(weight, item.key());
    }
  }
  for (const auto& item : module.named_buffers()) at::Tensor(item.value()).fill_(item.key().ends_with("running_var") ? 1 : 0);
}

}  // namespace infig
