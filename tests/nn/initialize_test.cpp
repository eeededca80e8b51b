#include "nn/initialize.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/conv.h>

#include <cmath>

#include "nn/transformer.h"
#include "reference/tensors.h"

namespace infig {
namespace {

TEST(InitializeTransformer, FollowsBertsRule) {
  TransformerLayer layer(TransformerLayerOptions{.hidden_size = 128, .num_attention_heads = 4, .intermediate_size = 512});
  initialize_transformer(*layer, 0.02, 11);
  int matrices = 0;
  for (const auto& item : layer->named_parameters()) {
    const at::Tensor value = item.value().detach().to(at::kDouble);
    if (value.dim() == 2) {
      ++matrices;
      const auto count = static_cast<double>(value.numel());
      EXPECT_NEAR(value.mean().item<double>(), 0.0, 5 * 0.02 / std::sqrt(count)) << item.key();
      EXPECT_NEAR(value.std().item<double>(), 0.02, 5 * 0.02 / std::sqrt(2 * count)) << item.key();
    } else {
      EXPECT_TRUE(at::equal(value, at::full_like(value, item.key().ends_with("LayerNorm.weight") ? 1.0 : 0.0))) << item.key();
    }
  }
  EXPECT_EQ(matrices, 6);
}

TEST(InitializeTransformer, DependsOnSeedAndNameAlone) {
  const TransformerLayerOptions options = {.hidden_size = 8, .num_attention_heads = 2, .intermediate_size = 8};
  TransformerLayer one(options), two(options), other(options);
  initialize_transformer(*one, 0.02, 1);
  initialize_transformer(*two, 0.02, 1);
  initialize_transformer(*other, 0.02, 2);
  const TensorMap a = state_dict(*one), b = state_dict(*two), c = state_dict(*other);
  for (const auto& [name, value] : a) EXPECT_TRUE(at::equal(value, b.at(name))) << name;
  EXPECT_FALSE(at::equal(a.at("output.dense.weight"), c.at("output.dense.weight")));
  EXPECT_FALSE(at::equal(a.at("attention.self.query.weight"), a.at("attention.self.key.weight")));
}

struct ConvAndNorm : torch::nn::Module {
  ConvAndNorm() {
    register_module("conv", conv);
    register_module("bn", norm);
  }
  torch::nn::Conv2d conv{torch::nn::Conv2dOptions(16, 64, 5).bias(false)};
  torch::nn::BatchNorm2d norm{64};
};

TEST(InitializeConvolutions, FollowsTheFanOutRuleInAnyLayout) {
  ConvAndNorm plain, last;
  last.conv->weight.set_data(last.conv->weight.contiguous(at::MemoryFormat::ChannelsLast));
  last.norm->running_mean.fill_(3);
  last.norm->num_batches_tracked.fill_(3);
  initialize_convolutions(plain, 4);
  initialize_convolutions(last, 4);
  EXPECT_TRUE(at::equal(plain.conv->weight, last.conv->weight));
  EXPECT_TRUE(last.conv->weight.is_contiguous(at::MemoryFormat::ChannelsLast));
  const double std = std::sqrt(2.0 / (64 * 25));
  EXPECT_NEAR(plain.conv->weight.std().item<double>(), std, 5 * std / std::sqrt(2.0 * 64 * 16 * 25));
  EXPECT_TRUE(at::equal(last.norm->weight, at::ones({64})));
  EXPECT_TRUE(at::equal(last.norm->bias, at::zeros({64})));
  EXPECT_TRUE(at::equal(last.norm->running_mean, at::zeros({64})));
  EXPECT_TRUE(at::equal(last.norm->running_var, at::ones({64})));
  EXPECT_EQ(last.norm->num_batches_tracked.item<int64_t>(), 0);
}

}  // namespace
}  // namespace infig
