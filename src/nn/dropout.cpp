#include "nn/dropout.h"

#include <ATen/ATen.h>
#include <ATen/Dispatch.h>
#include <fmt/format.h>
#include <torch/autograd.h>

#include <cmath>
#include <vector>

#include "core/error.h"
#include "core/random.h"

namespace infig {
namespace {

// What kept elements are multiplied by.
float dropout_scale(uint32_t threshold) { return 65536.0F / static_cast<float>(65536 - threshold); }

at::Tensor run_philox(const at::Tensor& x, uint64_t key, uint32_t call, uint32_t threshold) {
  const at::Tensor input = x.contiguous();
  at::Tensor output = at::empty_like(input);
  const float scale = dropout_scale(threshold);
  AT_DISPATCH_FLOATING_TYPES_AND2(at::kHalf, at::kBFloat16, input.scalar_type(), "philox_dropout", [&] {
    philox_dropout<scalar_t>(input.const_data_ptr<scalar_t>(), output.mutable_data_ptr<scalar_t>(), input.numel(), key, call, threshold,
                             scale);
  });
  return output;
}

// Saves three numbers instead of a mask: at [B, H, L, L] a mask would be the largest tensor of the step.
class PhiloxDropout : public torch::autograd::Function<PhiloxDropout> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x, int64_t key, int64_t call, int64_t threshold) {
    context->saved_data["key"] = key;
    context->saved_data["call"] = call;
    context->saved_data["threshold"] = threshold;
    return run_philox(x, static_cast<uint64_t>(key), static_cast<uint32_t>(call), static_cast<uint32_t>(threshold));
  }
  static std::vector<at::Tensor> backward(torch::autograd::AutogradContext* context, const std::vector<at::Tensor>& gradients) {
    const auto key = static_cast<uint64_t>(context->saved_data["key"].toInt());
    const auto call = static_cast<uint32_t>(context->saved_data["call"].toInt());
    const auto threshold = static_cast<uint32_t>(context->saved_data["threshold"].toInt());
    return {run_philox(gradients[0], key, call, threshold), at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

}  // namespace

uint32_t dropout_threshold(double p) {
  if (!(p >= 0.0 && p < 1.0)) throw ConfigError(fmt::format("a dropout probability is {}; allowed is 0 <= p < 1", p));
  return std::min(static_cast<uint32_t>(std::lround(p * 65536.0)), 65535U);
}

DropoutSource::DropoutSource(uint64_t seed) : seed_(seed) { begin_step(0); }

void DropoutSource::begin_step(int64_t step) {
  key_ = derive_seed(seed_, "dropout", static_cast<uint64_t>(step));
  calls_ = 0;
  tables_ = {};
}

at::Tensor DropoutSource::apply(const at::Tensor& x, double p) {
  const uint32_t threshold = dropout_threshold(p);
  if (threshold == 0) return x;
  const uint32_t call = calls_++;
  if (x.device().is_cpu())
    return PhiloxDropout::apply(x, static_cast<int64_t>(key_), static_cast<int64_t>(call), static_cast<int64_t>(threshold));
  if (!tables_.keys.defined() || tables_.keys.device() != x.device()) tables_ = philox_tables(key_, x.device());
  const float scale = dropout_scale(threshold);
  // The fill, not a product: an infinite or NaN element that is dropped must become 0.
  return (x * scale).masked_fill(philox_dropped(x.numel(), tables_, call, threshold).view(x.sizes()), 0);
}

}  // namespace infig
