#include "nn/packed_linear.h"

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "reference/tensors.h"

namespace infig {
namespace {

TEST(PackedLinear, EqualsThePlainLayersSideBySide) {
  torch::nn::Linear first(6, 4), second(6, 5);
  const PackedLinear packed({first, second});
  const at::Tensor x = reference::wave({2, 3, 6}), residual = reference::wave({2, 3, 9}, 0.7);
  EXPECT_FALSE(packed.usable(x));  // training and gradients are left alone
  for (const double scale : {1.0, -0.5}) {
    at::Tensor expected;
    {
      const at::NoGradGuard no_grad;
      first->weight.mul_(scale);
      second->bias.add_(scale);
      expected = at::cat({at::linear(x, first->weight, first->bias), at::linear(x, second->weight, second->bias)}, 2);
    }
    const c10::InferenceMode inference;
    ASSERT_TRUE(packed.usable(x));
    EXPECT_TRUE(reference::close(packed.forward(x), expected, 1e-6)) << scale;
    EXPECT_TRUE(reference::close(packed.forward_add(x, residual), expected + residual, 1e-6)) << scale;
    for (const Activation activation :
         {Activation::kGelu, Activation::kGeluTanh, Activation::kRelu, Activation::kQuickGelu, Activation::kMish}) {
      EXPECT_TRUE(reference::close(packed.forward(x, activation), activate(expected, activation), 1e-6)) << activation_name(activation);
    }
  }
}

TEST(PackedLinear, LeavesOtherTypesAndAutocastAlone) {
  torch::nn::Linear layer(3, 2);
  const PackedLinear packed({layer});
  const c10::InferenceMode inference;
  EXPECT_TRUE(packed.usable(at::zeros({1, 3})));
  EXPECT_FALSE(packed.usable(at::zeros({1, 3}, at::kDouble)));
  EXPECT_FALSE(PackedLinear().usable(at::zeros({1, 3})));
  at::autocast::set_autocast_enabled(at::kCPU, true);
  EXPECT_FALSE(packed.usable(at::zeros({1, 3})));
  at::autocast::set_autocast_enabled(at::kCPU, false);
}

// x = -1, 0, 1, 2 by hand (gelu: x Phi(x); mish: x tanh(ln(1 + e^x))).
TEST(Activation, HandValues) {
  const at::Tensor x = at::tensor({-1.0, 0.0, 1.0, 2.0});
  const std::vector<std::pair<const char*, std::vector<double>>> expected = {
      {"gelu", {-0.15865525393, 0, 0.84134474607, 1.95449973610}},
      {"gelu_new", {-0.15880800939, 0, 0.84119199061, 1.95459769409}},
      {"quick_gelu", {-0.15420423, 0, 0.84579577, 1.93565862}},
      {"relu", {0, 0, 1, 2}},
      {"relu6", {0, 0, 1, 2}},
      {"silu", {-0.26894142137, 0, 0.73105857863, 1.76159415596}},
      {"tanh", {-0.76159415596, 0, 0.76159415596, 0.96402758008}},
      {"sigmoid", {0.26894142137, 0.5, 0.73105857863, 0.88079707798}},
      {"mish", {-0.30340146, 0, 0.86509839, 1.94395896}},
      {"leaky_relu", {-0.01, 0, 1, 2}},
      {"hardswish", {-1.0 / 3, 0, 2.0 / 3, 5.0 / 3}},
      {"linear", {-1, 0, 1, 2}}};
  for (const auto& [name, values] : expected) {
    EXPECT_TRUE(reference::close(activate(x, parse_activation(name, "hidden_act")), at::tensor(values, at::kDouble), 1e-6)) << name;
  }
  EXPECT_STREQ(activation_name(parse_activation("swish", "hidden_act")), "silu");
  EXPECT_THROW(parse_activation("wave", "hidden_act"), ConfigError);
}

}  // namespace
}  // namespace infig
