#include "nn/packed_linear.h"

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <ATen/core/dispatch/Dispatcher.h>

#include <mutex>
#include <optional>
#include <string_view>
#include <utility>

#include "nn/weight_state.h"

namespace infig {
namespace {

// libtorch's packed matrix products, which its graph compiler uses. They are not part of at::, so they are looked up by name. If libtorch
// lacks them or has others with these names, the plain layers are used.
struct PackedOperators {
  using Reorder = at::Tensor(const at::Tensor&, std::optional<c10::SymInt>);
  using Unary = at::Tensor(const at::Tensor&, const at::Tensor&, const std::optional<at::Tensor>&, std::string_view,
                           c10::List<std::optional<at::Scalar>>, std::optional<std::string_view>);
  using Binary = at::Tensor(const at::Tensor&, const at::Tensor&, const at::Tensor&, const std::optional<at::Tensor>&, std::string_view);
  c10::TypedOperatorHandle<Reorder> reorder;
  c10::TypedOperatorHandle<Unary> unary;
  c10::TypedOperatorHandle<Binary> binary;
};

std::optional<PackedOperators> find_packed_operators() {
  if (!at::globalContext().hasMKLDNN()) return std::nullopt;
  try {
    auto& dispatcher = c10::Dispatcher::singleton();
    return PackedOperators{.reorder = dispatcher.findSchemaOrThrow("mkldnn::_reorder_linear_weight", "").typed<PackedOperators::Reorder>(),
                           .unary = dispatcher.findSchemaOrThrow("mkldnn::_linear_pointwise", "").typed<PackedOperators::Unary>(),
                           .binary = dispatcher.findSchemaOrThrow("mkldnn::_linear_pointwise", "binary").typed<PackedOperators::Binary>()};
  } catch (const c10::Error&) {
    return std::nullopt;
  }
}

const std::optional<PackedOperators>& packed_operators() {
  static const std::optional<PackedOperators> operators = find_packed_operators();
  return operators;
}

std::optional<at::Tensor> if_defined(const at::Tensor& bias) { return bias.defined() ? std::optional<at::Tensor>(bias) : std::nullopt; }

at::Tensor packed_product(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, std::string_view what,
                          std::string_view algorithm) {
  return packed_operators()->unary.call(x, weight, if_defined(bias), what, c10::List<std::optional<at::Scalar>>(), algorithm);
}

}  // namespace

struct PackedLinear::Packed {
  std::mutex mutex;
  std::vector<WeightState> of;
  Weights weights;
};

PackedLinear::PackedLinear(std::vector<torch::nn::Linear> parts) : parts_(std::move(parts)), packed_(std::make_shared<Packed>()) {}

bool PackedLinear::usable(const at::Tensor& x) const {
  if (!c10::InferenceMode::is_enabled() || x.scalar_type() != at::kFloat || !x.device().is_cpu()) return false;
  if (!packed_operators() || at::autocast::is_autocast_enabled(at::kCPU) || !at::globalContext().userEnabledMkldnn()) return false;
  for (const auto& part : parts_) {
    if (part->weight.scalar_type() != at::kFloat || part->weight.is_inference()) return false;
    if (part->bias.defined() && part->bias.is_inference()) return false;
  }
  return !parts_.empty();
}

PackedLinear::Weights PackedLinear::pack() const {
  std::vector<WeightState> now;
  now.reserve(2 * parts_.size());
  for (const auto& part : parts_) {
    now.emplace_back(part->weight);
    if (part->bias.defined()) now.emplace_back(part->bias);
  }
  const std::lock_guard<std::mutex> lock(packed_->mutex);
  if (packed_->of != now) {
    std::vector<at::Tensor> weights, biases;
    for (const auto& part : parts_) {
      weights.push_back(part->weight);
      if (part->bias.defined()) biases.push_back(part->bias);
    }
    const at::Tensor joined = parts_.size() == 1 ? weights[0].contiguous() : at::cat(weights, 0);
    packed_->weights = {.weight = packed_operators()->reorder.call(joined, std::nullopt),
                        .bias = biases.empty() ? at::Tensor() : at::cat(biases, 0)};
    packed_->of = std::move(now);
  }
  return packed_->weights;
}

at::Tensor PackedLinear::forward(const at::Tensor& x) const {
  const Weights weights = pack();
  return packed_product(x, weights.weight, weights.bias, "none", "");
}

at::Tensor PackedLinear::forward(const at::Tensor& x, Activation activation) const {
  const Weights weights = pack();
  switch (activation) {
    case Activation::kGelu:
      return packed_product(x, weights.weight, weights.bias, "gelu", "none");
    case Activation::kGeluTanh:
      return packed_product(x, weights.weight, weights.bias, "gelu", "tanh");
    case Activation::kRelu:
      return packed_product(x, weights.weight, weights.bias, "relu", "");
    default:
      return activate(packed_product(x, weights.weight, weights.bias, "none", ""), activation);
  }
}

at::Tensor PackedLinear::forward_add(const at::Tensor& x, const at::Tensor& residual) const {
  const Weights weights = pack();
  return packed_operators()->binary.call(x, residual, weights.weight, if_defined(weights.bias), "add");
}

}  // namespace infig
