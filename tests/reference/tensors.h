// What the torch tests share: comparisons that fail on empty, on NaN and on shape; golden files; central differences.
#pragma once

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>
#include <torch/nn/module.h>

#include <cmath>
#include <filesystem>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tensor/archive.h"

namespace infig::reference {

// |actual - expected| <= tolerance (1 + |expected|), element by element.
inline ::testing::AssertionResult close(const at::Tensor& actual, const at::Tensor& expected, double tolerance) {
  if (!actual.defined() || !expected.defined()) return ::testing::AssertionFailure() << "an undefined tensor";
  if (actual.sizes() != expected.sizes()) {
    return ::testing::AssertionFailure() << fmt::format("shape [{}] instead of [{}]", fmt::join(actual.sizes(), ", "),
                                                        fmt::join(expected.sizes(), ", "));
  }
  if (expected.numel() == 0) return ::testing::AssertionFailure() << "an empty tensor";
  const at::Tensor a = actual.detach().to(at::kDouble), e = expected.detach().to(at::kDouble);
  if (!a.isfinite().all().item<bool>() || !e.isfinite().all().item<bool>()) return ::testing::AssertionFailure() << "NaN or infinity";
  const at::Tensor error = (a - e).abs() / (1 + e.abs());
  const double worst = error.max().item<double>();
  if (worst <= tolerance) return ::testing::AssertionSuccess();
  const int64_t at = error.argmax().item<int64_t>();
  return ::testing::AssertionFailure() << fmt::format("off by {} at flat index {}: {} instead of {}", worst, at,
                                                      a.flatten()[at].item<double>(), e.flatten()[at].item<double>());
}

// |actual - expected| <= tolerance |expected|, as norms of the whole tensors: what gradients are compared by, however large or small they
// are. An expected tensor of zeros fails: it would be equal to a gradient that was never computed.
inline ::testing::AssertionResult close_to_norm(const at::Tensor& actual, const at::Tensor& expected, double tolerance) {
  if (!actual.defined() || !expected.defined()) return ::testing::AssertionFailure() << "an undefined tensor";
  if (actual.sizes() != expected.sizes()) {
    return ::testing::AssertionFailure() << fmt::format("shape [{}] instead of [{}]", fmt::join(actual.sizes(), ", "),
                                                        fmt::join(expected.sizes(), ", "));
  }
  const at::Tensor a = actual.detach().to(at::kDouble), e = expected.detach().to(at::kDouble);
  const double norm = e.norm().item<double>(), error = (a - e).norm().item<double>();
  if (!std::isfinite(norm) || !std::isfinite(error)) return ::testing::AssertionFailure() << "NaN or infinity";
  if (norm == 0) return ::testing::AssertionFailure() << "an empty tensor, or only zeros are expected";
  if (error <= tolerance * norm) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << fmt::format("off by {} of the norm {}; its own norm is {}", error / norm, norm,
                                                      a.norm().item<double>());
}

struct Golden {
  TensorMap tensors;
  nlohmann::json settings;

  const at::Tensor& operator[](const std::string& name) const { return tensors.at(name); }
  // The tensors under `prefix`, without it.
  TensorMap under(const std::string& prefix) const {
    TensorMap found;
    for (const auto& [name, tensor] : tensors) {
      if (name.starts_with(prefix)) found.emplace(name.substr(prefix.size()), tensor);
    }
    return found;
  }
};

inline Golden load_golden(const std::string& name) {  // "encoders/deberta_v3"
  Golden golden;
  std::map<std::string, std::string> metadata;
  golden.tensors = load_tensors(std::filesystem::path(INFIG_SOURCE_DIR) / "tests/golden" / (name + ".safetensors"), &metadata);
  golden.settings = nlohmann::json::parse(metadata.at("settings"));
  return golden;
}

// Compares the gradient of each parameter with grad.NAME of the golden file; a parameter without a gradient must have none there.
inline void expect_gradients(const torch::nn::Module& module, const Golden& golden, double tolerance) {
  const TensorMap expected = golden.under("grad.");
  ASSERT_FALSE(expected.empty());
  for (const auto& item : module.named_parameters()) {
    const auto found = expected.find(item.key());
    if (found == expected.end()) {
      EXPECT_FALSE(item.value().grad().defined()) << item.key();
    } else {
      EXPECT_TRUE(close(item.value().grad(), found->second, tolerance)) << item.key();
    }
  }
}

// The same where every parameter has a gradient: errors relative to 1 + the largest entry of it, since gradients add up some hundred float
// terms of either sign.
inline void expect_all_gradients(const torch::nn::Module& module, const Golden& golden, double tolerance) {
  const TensorMap expected = golden.under("grad.");
  ASSERT_FALSE(expected.empty());
  for (const auto& item : module.named_parameters()) {
    const double largest = 1 + expected.at(item.key()).abs().max().item<double>();
    ASSERT_TRUE(item.value().grad().defined()) << item.key();
    EXPECT_TRUE(close(item.value().grad() / largest, expected.at(item.key()) / largest, tolerance)) << item.key();
  }
}

// The scalar that golden files of encoders differentiate: sum over k of sum(states[k] * factors[k]).
inline at::Tensor weighted_sum(const std::vector<at::Tensor>& states, const at::Tensor& factors) {
  at::Tensor sum = at::zeros({});
  for (size_t k = 0; k < states.size(); ++k) sum = sum + (states[k] * factors[static_cast<int64_t>(k)]).sum();
  return sum;
}

// Gradients of f(inputs).sum() against central differences. Inputs are double leaves.
inline void expect_central_differences(const std::function<at::Tensor()>& f, const std::vector<at::Tensor>& inputs,
                                       double tolerance = 1e-7) {
  for (const at::Tensor& input : inputs) input.mutable_grad() = at::Tensor();
  f().sum().backward();
  const at::NoGradGuard no_grad;
  constexpr double kStep = 1e-5;
  for (const at::Tensor& input : inputs) {
    at::Tensor flat = input.view({-1});
    at::Tensor expected = at::empty_like(flat);
    for (int64_t i = 0; i < flat.numel(); ++i) {
      const double here = flat[i].item<double>();
      flat[i].fill_(here + kStep);
      const double above = f().sum().item<double>();
      flat[i].fill_(here - kStep);
      const double below = f().sum().item<double>();
      flat[i].fill_(here);
      expected[i] = (above - below) / (2 * kStep);
    }
    EXPECT_TRUE(close(input.grad(), expected.view_as(input), tolerance));
  }
}

// Reproducible values without any generator: sin of the index, irregular enough and within [-scale, scale].
inline at::Tensor wave(at::IntArrayRef shape, double phase = 0.0, double scale = 1.0, at::ScalarType type = at::kFloat) {
  int64_t count = 1;
  for (const int64_t size : shape) count *= size;
  const at::Tensor index = at::arange(count, at::kDouble);
  return (at::sin(index * 1.7 + phase * 3.1 + at::sin(index * 0.37)) * scale).view(shape).to(type);
}

// Fills all parameters of a module with waves; weights of normalisations near 1.
inline void fill(torch::nn::Module& module, double scale = 0.5) {
  const at::NoGradGuard no_grad;
  double phase = 0.3;
  for (const auto& item : module.named_parameters()) {
    const bool norm = item.value().dim() == 1 && item.key().ends_with("weight");
    at::Tensor(item.value()).copy_(wave(item.value().sizes(), phase, scale, at::kDouble) + (norm ? 1.0 : 0.0));
    phase += 0.7;
  }
}

}  // namespace infig::reference
