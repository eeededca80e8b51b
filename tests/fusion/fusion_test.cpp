#include "fusion/fusion.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "reference/tensors.h"

namespace infig {
namespace {

TransformerLayerOptions small_layer() { return {.hidden_size = 8, .num_attention_heads = 2, .intermediate_size = 12}; }

at::Tensor mask_of(const std::vector<int64_t>& values, int64_t posts) { return at::tensor(values, at::kLong).view({posts, -1}); }

TEST(FusionTransformer, MaskedTokensNeverInfluenceOthers) {
  FusionTransformer fusion(small_layer(), 3);
  reference::fill(*fusion);
  const at::Tensor mask = mask_of({1, 1, 0, 1, 0, 1, 0, 0, 0, 1}, 2);
  const at::Tensor tokens = reference::wave({2, 5, 8});
  const at::Tensor other = at::where(mask.to(at::kBool).unsqueeze(2), tokens, tokens * 100 + 7);
  const at::Tensor kept = mask.to(at::kFloat).unsqueeze(2);
  const at::Tensor expected = fusion->forward(tokens, mask, nullptr) * kept;
  EXPECT_TRUE(reference::close(fusion->forward(other, mask, nullptr) * kept, expected, 1e-6));
  // The same without the masked tokens at all, as a post alone: [0, 1, 3] of the first one.
  const at::Tensor picked = tokens.narrow(0, 0, 1).index_select(1, at::tensor({0, 1, 3}));
  EXPECT_TRUE(reference::close(fusion->forward(picked, at::ones({1, 3}), nullptr),
                               expected.narrow(0, 0, 1).index_select(1, at::tensor({0, 1, 3})), 1e-5));
}

TEST(FusionTransformer, GivesTheAttentionOfTheLastLayer) {
  FusionTransformer fusion(small_layer(), 2);
  reference::fill(*fusion);
  const at::Tensor mask = mask_of({1, 1, 0, 1}, 1), tokens = reference::wave({1, 4, 8});
  at::Tensor attention, expected;
  const at::Tensor output = fusion->forward(tokens, mask, nullptr, &attention);
  EXPECT_TRUE(reference::close(output, fusion->forward(tokens, mask, nullptr), 1e-5));
  TransformerLayer first(small_layer()), last(small_layer());
  TensorMap parts[2];
  for (const auto& [name, tensor] : state_dict(*fusion)) parts[name[6] - '0'].emplace(name.substr(8), tensor);  // "layer.N."
  load_state_dict(*first, parts[0], "layer.0");
  load_state_dict(*last, parts[1], "layer.1");
  last->forward(first->forward(tokens, attention_bias(mask), nullptr), attention_bias(mask), nullptr, &expected);
  EXPECT_TRUE(reference::close(attention, expected, 1e-5));
  EXPECT_TRUE(reference::close(attention.sum(3), at::ones({1, 2, 4}), 1e-5));
  EXPECT_EQ(attention.select(3, 2).abs().max().item<double>(), 0.0);
}

TEST(FusionTransformer, RefusesWrongShapes) {
  FusionTransformer fusion(small_layer(), 1);
  EXPECT_THROW(fusion->forward(at::zeros({2, 5, 8}), at::ones({2, 4}), nullptr), ShapeError);
  EXPECT_THROW(fusion->forward(at::zeros({5, 8}), at::ones({5, 8}), nullptr), ShapeError);
  EXPECT_THROW(FusionTransformer(small_layer(), 0), ConfigError);
}

double gelu(double x) { return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0))); }

TEST(AttentionPooling, AgreesWithTheEquation) {
  AttentionPooling pooling(4);
  pooling->to(at::kDouble);
  reference::fill(*pooling);
  const TensorMap weights = state_dict(*pooling);
  const at::Tensor tokens = reference::wave({2, 3, 4}, 0.8, 1.0, at::kDouble), mask = mask_of({1, 0, 1, 1, 1, 1}, 2);
  at::Tensor scores = at::zeros({2, 3}, at::kDouble), output = at::zeros({2, 4}, at::kDouble);
  const auto w = weights.at("hidden.weight"), b = weights.at("hidden.bias"), v = weights.at("score.weight");
  for (int64_t p = 0; p < 2; ++p) {
    double total = 0;
    for (int64_t i = 0; i < 3; ++i) {
      double raw = weights.at("score.bias")[0].item<double>();
      for (int64_t u = 0; u < 2; ++u) {
        double hidden = b[u].item<double>();
        for (int64_t d = 0; d < 4; ++d) hidden += w[u][d].item<double>() * tokens[p][i][d].item<double>();
        raw += v[0][u].item<double>() * gelu(hidden);
      }
      if (mask[p][i].item<int64_t>() == 1) {
        scores[p][i] = std::exp(raw);
        total += std::exp(raw);
      }
    }
    scores[p] = scores[p] / total;
    for (int64_t i = 0; i < 3; ++i) output[p] = output[p] + scores[p][i] * tokens[p][i];
  }
  const Pooled pooled = pooling->forward(tokens, mask);
  EXPECT_TRUE(reference::close(pooled.scores, scores, 1e-12));
  EXPECT_TRUE(reference::close(pooled.output, output, 1e-12));
}

TEST(AttentionPooling, ScoresSumToOneOverTokensThatTakePart) {
  AttentionPooling pooling(8);
  reference::fill(*pooling);
  const at::Tensor mask = mask_of({1, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0}, 3), tokens = reference::wave({3, 4, 8});
  const Pooled pooled = pooling->forward(tokens, mask);
  EXPECT_TRUE(reference::close(pooled.scores.sum(1), at::tensor({1.0, 1.0, 0.0}), 1e-6));
  EXPECT_EQ((pooled.scores * (1 - mask)).abs().max().item<double>(), 0.0);
  EXPECT_EQ(pooled.output[2].abs().max().item<double>(), 0.0);  // a post without any token
  const at::Tensor other = at::where(mask.to(at::kBool).unsqueeze(2), tokens, at::full_like(tokens, 1e4));
  EXPECT_TRUE(reference::close(pooling->forward(other, mask.to(at::kBool)).output, pooled.output, 1e-6));
}

TEST(AttentionPooling, GradientsEqualCentralDifferences) {
  AttentionPooling pooling(4);
  pooling->to(at::kDouble);
  reference::fill(*pooling);
  at::Tensor tokens = reference::wave({3, 3, 4}, 0.8, 1.0, at::kDouble).requires_grad_();
  const at::Tensor mask = mask_of({1, 0, 1, 1, 1, 1, 0, 0, 0}, 3);
  std::vector<at::Tensor> inputs = pooling->parameters();
  inputs.push_back(tokens);
  reference::expect_central_differences([&] { return pooling->forward(tokens, mask).output; }, inputs, 1e-7, 1);  // score.bias
}

TEST(AttentionPooling, RefusesWrongShapes) {
  AttentionPooling pooling(4);
  EXPECT_THROW(pooling->forward(at::zeros({2, 3, 4}), at::ones({3, 2})), ShapeError);
  EXPECT_THROW(AttentionPooling(5), ConfigError);
}

TEST(Head, AgreesWithTheEquationsAndItsBound) {
  for (const bool gelu_logits : {true, false}) {
    Head head(HeadOptions{.hidden_size = 4, .num_labels = 3, .dropout = 0.0, .gelu_logits = gelu_logits});
    head->to(at::kDouble);
    reference::fill(*head, 2.0);
    const TensorMap weights = state_dict(*head);
    const at::Tensor pooled = reference::wave({5, 4}, 0.1, 2.0, at::kDouble);
    at::Tensor expected = at::zeros({5, 3}, at::kDouble);
    for (int64_t p = 0; p < 5; ++p) {
      std::vector<double> dense;
      for (int64_t u = 0; u < 4; ++u) {
        dense.push_back(
            gelu((weights.at("dense.weight")[u] * pooled[p]).sum().item<double>() + weights.at("dense.bias")[u].item<double>()));
      }
      for (int64_t c = 0; c < 3; ++c) {
        double logit = weights.at("classifier.bias")[c].item<double>();
        for (int64_t u = 0; u < 4; ++u) logit += weights.at("classifier.weight")[c][u].item<double>() * dense[static_cast<size_t>(u)];
        expected[p][c] = gelu_logits ? gelu(logit) : logit;
      }
    }
    const at::Tensor logits = head->forward(pooled, nullptr);
    EXPECT_TRUE(reference::close(logits, expected, 1e-12));
    const double least = head->forward(reference::wave({500, 4}, 0.1, 9.0, at::kDouble), nullptr).min().item<double>();
    if (gelu_logits) {
      EXPECT_GT(least, -0.17);  // min of GELU is -0.16997
    } else {
      EXPECT_LT(least, -1.0);
    }
  }
}

TEST(Head, DropsBetweenDenseAndClassifier) {
  Head head(HeadOptions{.hidden_size = 4, .num_labels = 2, .dropout = 0.5, .gelu_logits = false});
  reference::fill(*head);
  const TensorMap weights = state_dict(*head);
  const at::Tensor pooled = reference::wave({3, 4});
  DropoutSource source(5);
  const at::Tensor mask = DropoutSource(5).apply(at::ones({3, 4}), 0.5);
  const at::Tensor dense = at::gelu(at::linear(pooled, weights.at("dense.weight"), weights.at("dense.bias"))) * mask;
  EXPECT_TRUE(reference::close(head->forward(pooled, &source),
                               at::linear(dense, weights.at("classifier.weight"), weights.at("classifier.bias")), 1e-6));
}

TEST(Head, GradientsEqualCentralDifferences) {
  Head head(HeadOptions{.hidden_size = 4, .num_labels = 3, .dropout = 0.3});
  head->to(at::kDouble);
  reference::fill(*head);
  at::Tensor pooled = reference::wave({2, 4}, 0.1, 1.0, at::kDouble).requires_grad_();
  std::vector<at::Tensor> inputs = head->parameters();
  inputs.push_back(pooled);
  DropoutSource source(1);
  reference::expect_central_differences(
      [&] {
        source.begin_step(1);
        return head->forward(pooled, &source);
      },
      inputs);
}

TEST(Head, RefusesWrongShapesAndOptions) {
  Head head(HeadOptions{.hidden_size = 4});
  EXPECT_THROW(head->forward(at::zeros({2, 5}), nullptr), ShapeError);
  EXPECT_THROW(Head(HeadOptions{.num_labels = 1}), ConfigError);
  EXPECT_THROW(Head(HeadOptions{.dropout = 1.0}), ConfigError);
}

}  // namespace
}  // namespace infig
