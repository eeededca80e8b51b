// What the torch tests share: comparisons that fail on empty, on NaN and on shape; golden files; central differences.
#pragma once

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>
#include <torch/nn/module.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/files.h"
#include "reference/gunzip.h"
#include "reference/temporary_folder.h"
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
  const auto path = std::filesystem::path(INFIG_SOURCE_DIR) / "tests/golden" / (name + ".safetensors");
  const auto packed = std::filesystem::path(path.string() + ".gz");
  if (std::filesystem::exists(packed)) {
    const TemporaryFolder folder("golden");
    write_file_atomic(folder / "golden.safetensors", gunzip(packed));
    for (const auto& [key, tensor] : load_tensors(folder / "golden.safetensors", &metadata)) golden.tensors[key] = tensor.clone();
  } else {
    golden.tensors = load_tensors(path, &metadata);
  }
  golden.settings = nlohmann::json::parse(metadata.at("settings"));
  return golden;
}

// Upstream gradients of a comparison: a backward pass that adds or compares with anything absolute is right at one of them at most.
inline constexpr double kUpstreamScales[] = {1e-4, 1, 1e4};

// Normal draws. Upstream gradients are random: of a plain sum, whatever ends in a softmax or a LayerNorm has a gradient of zero.
inline at::Tensor random(at::IntArrayRef shape, uint64_t seed, at::ScalarType type = at::kDouble) {
  return at::randn(shape, at::detail::createCPUGenerator(seed), at::TensorOptions(at::kDouble)).to(type);
}

// The gradient of `scalar`, at several scales of it, with respect to each parameter of the module against grad.NAME of the golden file, off
// by at most `tolerance` of that tensor's norm. A parameter without an answer must have no gradient. Names that end in one of `zero` are
// those whose gradient is zero whatever the upstream one is (a bias that a softmax does not see): there, and in the file, is rounding.
inline void expect_gradients(torch::nn::Module& module, const Golden& golden, const std::function<at::Tensor()>& scalar, double tolerance,
                             const std::vector<std::string>& zero = {}) {
  const TensorMap expected = golden.under("grad.");
  ASSERT_FALSE(expected.empty());
  double largest = 0;
  for (const auto& [name, gradient] : expected) largest = std::max(largest, gradient.norm().item<double>());
  for (const double scale : kUpstreamScales) {
    SCOPED_TRACE(fmt::format("upstream gradient times {}", scale));
    for (auto& parameter : module.parameters()) parameter.mutable_grad() = at::Tensor();
    (scalar() * scale).backward();
    size_t compared = 0;
    for (const auto& item : module.named_parameters()) {
      const at::Tensor gradient = item.value().grad();
      const auto found = expected.find(item.key());
      if (found == expected.end()) {
        EXPECT_FALSE(gradient.defined()) << item.key();
        continue;
      }
      ++compared;
      ASSERT_TRUE(gradient.defined()) << item.key();
      if (std::ranges::any_of(zero, [&](const std::string& end) { return item.key().ends_with(end); })) {
        EXPECT_LT(found->second.norm().item<double>(), 1e-5 * largest) << item.key() << " is not zero";
        EXPECT_LT(gradient.norm().item<double>() / scale, 1e-5 * largest) << item.key();
      } else {
        EXPECT_TRUE(close_to_norm(gradient / scale, found->second, tolerance)) << item.key();
      }
    }
    EXPECT_EQ(compared, expected.size());
  }
}

// The scalar that golden files of encoders differentiate: sum over k of sum(states[k] * factors[k]).
inline at::Tensor weighted_sum(const std::vector<at::Tensor>& states, const at::Tensor& factors) {
  at::Tensor sum = at::zeros({});
  for (size_t k = 0; k < states.size(); ++k) sum = sum + (states[k] * factors[static_cast<int64_t>(k)]).sum();
  return sum;
}

// Central differences of sum(u f(inputs)) with respect to each input. Inputs are double leaves.
inline std::vector<at::Tensor> central_differences(const std::function<at::Tensor()>& f, const at::Tensor& u,
                                                   const std::vector<at::Tensor>& inputs) {
  const at::NoGradGuard no_grad;
  constexpr double kStep = 1e-5;
  std::vector<at::Tensor> differences;
  for (const at::Tensor& input : inputs) {
    at::Tensor flat = input.view({-1});
    at::Tensor slopes = at::empty_like(flat);
    for (int64_t i = 0; i < flat.numel(); ++i) {
      const double here = flat[i].item<double>();
      flat[i].fill_(here + kStep);
      const at::Tensor above = f().clone();
      flat[i].fill_(here - kStep);
      slopes[i] = ((above - f()) * u).sum().item<double>() / (2 * kStep);
      flat[i].fill_(here);
    }
    differences.push_back(slopes.view_as(input));
  }
  return differences;
}

// Gradients of f(inputs) for a random upstream gradient, at several scales of it, against central differences: off by at most `tolerance`
// of each input's own norm. Exactly `zeros` of the inputs have a gradient that is zero whatever the upstream one is: rounding beside the
// largest.
inline void expect_central_differences(const std::function<at::Tensor()>& f, const std::vector<at::Tensor>& inputs, double tolerance = 1e-7,
                                       int64_t zeros = 0) {
  const at::Tensor u = random(f().sizes(), 77);
  const std::vector<at::Tensor> expected = central_differences(f, u, inputs);
  ASSERT_FALSE(expected.empty());
  double largest = 0;
  for (const at::Tensor& gradient : expected) largest = std::max(largest, gradient.norm().item<double>());
  ASSERT_GT(largest, 1e-3);
  for (const double scale : kUpstreamScales) {
    for (const at::Tensor& input : inputs) input.mutable_grad() = at::Tensor();
    f().backward(u * scale);
    int64_t without = 0;
    for (size_t k = 0; k < inputs.size(); ++k) {
      const at::Tensor gradient = inputs[k].grad() / scale;
      if (expected[k].norm().item<double>() < 1e-8 * largest) {
        ++without;
        EXPECT_LT(gradient.norm().item<double>(), 1e-8 * largest) << "input " << k;
      } else {
        EXPECT_TRUE(close_to_norm(gradient, expected[k], tolerance)) << "input " << k << ", upstream gradient times " << scale;
      }
    }
    EXPECT_EQ(without, zeros) << "inputs without a gradient";
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
