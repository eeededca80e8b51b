#include "nn/transformer.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "reference/tensors.h"

namespace infig {
namespace {

TransformerLayerOptions small_options(Activation activation = Activation::kGelu) {
  return {.hidden_size = 16,
          .num_attention_heads = 4,
          .intermediate_size = 24,
          .hidden_act = activation,
          .hidden_dropout_prob = 0.0,
          .attention_probs_dropout_prob = 0.0};
}

// What a fully masked key column leaves of scores: the published layer in double, loop by loop.
at::Tensor naive_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& factors, int64_t heads) {
  const int64_t posts = q.size(0), tokens = q.size(1), size = q.size(2) / heads;
  at::Tensor out = at::zeros_like(q);
  for (int64_t b = 0; b < posts; ++b) {
    for (int64_t h = 0; h < heads; ++h) {
      for (int64_t i = 0; i < tokens; ++i) {
        at::Tensor weights = at::zeros({tokens}, at::kDouble);
        for (int64_t j = 0; j < tokens; ++j) {
          weights[j] =
              std::exp((q[b][i].narrow(0, h * size, size) * k[b][j].narrow(0, h * size, size)).sum().item<double>() / std::sqrt(size));
        }
        weights = weights / weights.sum() * factors[b][h][i];
        for (int64_t j = 0; j < tokens; ++j) out[b][i].narrow(0, h * size, size).add_(v[b][j].narrow(0, h * size, size) * weights[j]);
      }
    }
  }
  return out;
}

class BertLayerGolden : public ::testing::TestWithParam<std::pair<const char*, Activation>> {};

TEST_P(BertLayerGolden, AgreesWithTransformers) {
  const reference::Golden golden = reference::load_golden(std::string("nn/bert_layer_") + GetParam().first);
  TransformerLayer layer(small_options(GetParam().second));
  load_state_dict(*layer, golden.under("weight."), "golden");
  const at::Tensor bias = attention_bias(golden["mask"]);
  at::Tensor attention;
  EXPECT_TRUE(reference::close(layer->forward(golden["x"], bias, nullptr), golden["output"], 1e-5));
  const at::Tensor output = layer->forward(golden["x"], bias, nullptr, &attention);
  EXPECT_TRUE(reference::close(output, golden["output"], 1e-5));
  EXPECT_TRUE(reference::close(attention, golden["attention"], 1e-5));
  reference::expect_gradients(*layer, golden, [&] { return (layer->forward(golden["x"], bias, nullptr) * golden["factors"]).sum(); }, 1e-5,
                              {"key.bias"});
}
INSTANTIATE_TEST_SUITE_P(Activations, BertLayerGolden,
                         ::testing::Values(std::pair{"gelu", Activation::kGelu}, std::pair{"gelu_tanh", Activation::kGeluTanh},
                                           std::pair{"relu", Activation::kRelu}),
                         [](const auto& instance) { return instance.param.first; });

TEST(TransformerLayer, HasBertsParameterNames) {
  const TransformerLayer layer(small_options());
  std::vector<std::string> names;
  for (const auto& item : layer->named_parameters()) names.push_back(item.key());
  std::sort(names.begin(), names.end());
  const std::vector<std::string> expected = {"attention.output.LayerNorm.bias",
                                             "attention.output.LayerNorm.weight",
                                             "attention.output.dense.bias",
                                             "attention.output.dense.weight",
                                             "attention.self.key.bias",
                                             "attention.self.key.weight",
                                             "attention.self.query.bias",
                                             "attention.self.query.weight",
                                             "attention.self.value.bias",
                                             "attention.self.value.weight",
                                             "intermediate.dense.bias",
                                             "intermediate.dense.weight",
                                             "output.LayerNorm.bias",
                                             "output.LayerNorm.weight",
                                             "output.dense.bias",
                                             "output.dense.weight"};
  EXPECT_EQ(names, expected);
}

TEST(TransformerLayer, AttentionDropoutIsOnTheProbabilities) {
  TransformerLayerOptions options = small_options();
  options.attention_probs_dropout_prob = 0.5;
  TransformerLayer layer(options);
  layer->to(at::kDouble);
  reference::fill(*layer);
  const TensorMap weights = state_dict(*layer);
  const at::Tensor x = reference::wave({2, 5, 16}, 0.9, 1.0, at::kDouble);
  // The same mask from the same source: all ones through dropout is the mask itself, scaled.
  const at::Tensor factors = DropoutSource(8).apply(at::ones({2, 4, 5, 5}, at::kDouble), 0.5);
  const auto linear = [&](const at::Tensor& in, const std::string& name) {
    return at::linear(in, weights.at(name + ".weight"), weights.at(name + ".bias"));
  };
  const auto norm = [&](const at::Tensor& in, const std::string& name) {
    return at::layer_norm(in, {16}, weights.at(name + ".weight"), weights.at(name + ".bias"), 1e-12);
  };
  const at::NoGradGuard no_grad;
  const at::Tensor context =
      naive_attention(linear(x, "attention.self.query"), linear(x, "attention.self.key"), linear(x, "attention.self.value"), factors, 4);
  const at::Tensor hidden = norm(linear(context, "attention.output.dense") + x, "attention.output.LayerNorm");
  const at::Tensor expected = norm(linear(at::gelu(linear(hidden, "intermediate.dense")), "output.dense") + hidden, "output.LayerNorm");
  DropoutSource source(8);
  EXPECT_TRUE(reference::close(layer->forward(x, at::Tensor(), &source), expected, 1e-9));
}

TEST(TransformerLayer, GradientsEqualCentralDifferences) {
  TransformerLayer layer(TransformerLayerOptions{
      .hidden_size = 4, .num_attention_heads = 2, .intermediate_size = 3, .hidden_dropout_prob = 0.3, .attention_probs_dropout_prob = 0.4});
  layer->to(at::kDouble);
  reference::fill(*layer);
  at::Tensor x = reference::wave({2, 3, 4}, 0.2, 1.0, at::kDouble).requires_grad_();
  const at::Tensor bias = attention_bias(at::tensor({1, 1, 0, 1, 1, 1}).view({2, 3})).to(at::kDouble);
  std::vector<at::Tensor> inputs = layer->parameters();
  inputs.push_back(x);
  DropoutSource source(4);
  reference::expect_central_differences(
      [&] {
        source.begin_step(1);
        return layer->forward(x, bias, &source);
      },
      inputs, 1e-6, 1);  // the softmax, ahead of the dropout, does not see the key's bias
}

TEST(TransformerLayer, StaysFiniteInBfloat16WithARowOfPaddingOnly) {
  TransformerLayer layer(small_options());
  reference::fill(*layer);
  layer->to(at::kBFloat16);
  const at::Tensor x = reference::wave({2, 5, 16}).to(at::kBFloat16);
  const at::Tensor bias = attention_bias(at::tensor({0, 0, 0, 0, 0, 1, 1, 0, 0, 1}).view({2, 5}));
  EXPECT_TRUE(layer->forward(x, bias, nullptr).isfinite().all().item<bool>());
}

TEST(TransformerLayer, RefusesWrongShapesAndOptions) {
  TransformerLayer layer(small_options());
  EXPECT_THROW(layer->forward(at::zeros({2, 5, 15}), at::Tensor(), nullptr), ShapeError);
  EXPECT_THROW(layer->forward(at::zeros({5, 16}), at::Tensor(), nullptr), ShapeError);
  EXPECT_THROW(layer->forward(at::zeros({2, 5, 16}), attention_bias(at::ones({2, 4})), nullptr), ShapeError);
  EXPECT_THROW(attention_bias(at::ones({4})), ShapeError);
  TransformerLayerOptions options = small_options();
  options.num_attention_heads = 3;
  EXPECT_THROW(options.validate(), ConfigError);
  options = small_options();
  options.hidden_dropout_prob = 1.0;
  EXPECT_THROW(options.validate(), ConfigError);
}

TEST(AttentionBias, IsZeroOrLowest) {
  const at::Tensor bias = attention_bias(at::tensor({1, 0, 1}).view({1, 3}));
  ASSERT_EQ(bias.sizes(), (std::vector<int64_t>{1, 1, 1, 3}));
  EXPECT_EQ(bias.flatten()[0].item<float>(), 0.0F);
  EXPECT_EQ(bias.flatten()[1].item<float>(), std::numeric_limits<float>::lowest());
  EXPECT_TRUE(at::equal(bias, attention_bias(at::tensor({1, 0, 1}).view({1, 3}).to(at::kBool))));
}

TEST(LowestValue, IsFiniteInItsType) {
  for (const auto type : {at::kHalf, at::kBFloat16, at::kFloat, at::kDouble}) {
    EXPECT_TRUE(at::full({1}, lowest_value(type), type).isfinite().all().item<bool>()) << c10::toString(type);
  }
  EXPECT_FALSE(at::full({1}, lowest_value(at::kFloat), at::kBFloat16).isfinite().all().item<bool>());
}

}  // namespace
}  // namespace infig
