#include "nn/disentangled_attention.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "reference/tensors.h"

namespace infig {
namespace {

TEST(RelativeBuckets, AgreeWithTransformers) {
  const reference::Golden golden = reference::load_golden("nn/relative_buckets");
  ASSERT_FALSE(golden.settings.empty());
  for (const auto& setting : golden.settings) {
    const auto count = setting[0].get<int64_t>(), reach = setting[1].get<int64_t>(), length = setting[2].get<int64_t>();
    const at::Tensor buckets = relative_buckets(at::arange(1 - length, length, at::kLong), count, reach);
    EXPECT_TRUE(at::equal(buckets, golden[fmt::format("{}_{}_{}", count, reach, length)])) << setting.dump();
  }
}

TEST(RelativeBuckets, AreTheDistancesWithoutBuckets) {
  const at::Tensor deltas = at::arange(-9, 10, at::kLong);
  EXPECT_TRUE(at::equal(relative_buckets(deltas, -1, 4), deltas));
}

TEST(RelativePositions, UseOnlyTheRowsOfTheText) {
  const RelativePositions near = relative_positions(3, 8, 24, at::kCPU);  // distances -2 .. 2 around row 8
  EXPECT_EQ(near.first, 6);
  EXPECT_EQ(near.count, 5);
  EXPECT_FALSE(near.index.defined());
  const RelativePositions clamped = relative_positions(5, -1, 3, at::kCPU);  // -4 .. 4 around row 3, rows 0 .. 5
  EXPECT_EQ(clamped.first, 0);
  EXPECT_EQ(clamped.count, 6);
  for (int64_t i = 0; i < 5; ++i) {
    for (int64_t j = 0; j < 5; ++j) EXPECT_EQ(clamped.index[i][j].item<int64_t>(), std::min<int64_t>(std::max<int64_t>(i - j + 3, 0), 5));
  }
  EXPECT_THROW(relative_positions(0, 8, 24, at::kCPU), ShapeError);
}

TEST(RelativePositions, NoticeBucketsThatSkipRows) {
  // Half 2, reach 3: beyond distance 2 the logarithm rises by more than 1 a step, so rows in use have holes.
  const RelativePositions positions = relative_positions(4, 12, 8, at::kCPU);
  const at::Tensor expected = relative_buckets(at::arange(-3, 4, at::kLong), 12, 8) + 12 - positions.first;
  for (int64_t i = 0; i < 4; ++i) {
    for (int64_t j = 0; j < 4; ++j) {
      const int64_t row = positions.index.defined() ? positions.index[i][j].item<int64_t>() : i - j + 3;
      EXPECT_EQ(row, expected[i - j + 3].item<int64_t>());
    }
  }
}

// One score at a time from the equation, with a row of the full table for each pair.
at::Tensor naive_forward(const TensorMap& weights, const DisentangledAttentionOptions& options, const at::Tensor& x,
                         const at::Tensor& blocked, const at::Tensor& table, const at::Tensor& row_of) {
  const int64_t posts = x.size(0), length = x.size(1), size = options.hidden_size / options.num_attention_heads;
  const auto linear = [&](const at::Tensor& in, const std::string& name) {
    return at::linear(in, weights.at(name + ".weight"), weights.at(name + ".bias"));
  };
  const at::Tensor q = linear(x, "query_proj"), k = linear(x, "key_proj"), v = linear(x, "value_proj");
  at::Tensor pos_k, pos_q;
  if (options.c2p) pos_k = linear(table, options.share_att_key ? "key_proj" : "pos_key_proj");
  if (options.p2c) pos_q = linear(table, options.share_att_key ? "query_proj" : "pos_query_proj");
  const double scale = std::sqrt(static_cast<double>(size * (1 + (options.c2p ? 1 : 0) + (options.p2c ? 1 : 0))));
  at::Tensor out = at::zeros_like(x);
  for (int64_t b = 0; b < posts; ++b) {
    for (int64_t start = 0; start < options.hidden_size; start += size) {
      const auto head = [&](const at::Tensor& t) { return t.narrow(0, start, size); };
      for (int64_t i = 0; i < length; ++i) {
        std::vector<double> scores;
        for (int64_t j = 0; j < length; ++j) {
          const int64_t row = row_of[i - j + length - 1].item<int64_t>();
          at::Tensor score = (head(q[b][i]) * head(k[b][j])).sum();
          if (options.c2p) score = score + (head(q[b][i]) * head(pos_k[row])).sum();
          if (options.p2c) score = score + (head(k[b][j]) * head(pos_q[row])).sum();
          scores.push_back(blocked.defined() && blocked[b][i][j].item<bool>() ? -1e300 : score.item<double>() / scale);
        }
        const at::Tensor weight = at::softmax(at::tensor(scores, at::kDouble), 0);
        for (int64_t j = 0; j < length; ++j) head(out[b][i]).add_(head(v[b][j]) * weight[j]);
      }
    }
  }
  return out;
}

struct Setting {
  const char* name;
  bool c2p, p2c, share;
  int64_t buckets, reach;
};

class DisentangledAttentionNaive : public ::testing::TestWithParam<Setting> {
 protected:
  void SetUp() override {
    const Setting& setting = GetParam();
    options_ = {.hidden_size = 4,
                .num_attention_heads = 2,
                .hidden_dropout_prob = 0.0,
                .attention_probs_dropout_prob = 0.0,
                .relative_attention = true,
                .c2p = setting.c2p,
                .p2c = setting.p2c,
                .share_att_key = setting.share};
    attention_ = DisentangledAttention(options_);
    attention_->to(at::kDouble);
    reference::fill(*attention_);
    span_ = setting.buckets > 0 ? setting.buckets : setting.reach;
    table_ = reference::wave({2 * span_, 4}, 2.0, 1.0, at::kDouble).requires_grad_();
    positions_ = relative_positions(kLength, setting.buckets, setting.reach, at::kCPU);
  }
  at::Tensor run(const at::Tensor& x, const at::Tensor& blocked, DropoutSource* source) {
    return attention_->forward(x, blocked, table_.narrow(0, positions_.first, positions_.count), positions_, source);
  }
  static constexpr int64_t kLength = 6;
  DisentangledAttentionOptions options_;
  DisentangledAttention attention_{nullptr};
  int64_t span_ = 0;
  at::Tensor table_;
  RelativePositions positions_;
};

TEST_P(DisentangledAttentionNaive, AgreesWithTheLoop) {
  const Setting& setting = GetParam();
  const at::NoGradGuard no_grad;
  const at::Tensor x = reference::wave({2, kLength, 4}, 0.5, 1.0, at::kDouble);
  at::Tensor blocked = at::zeros({2, kLength, kLength}, at::kBool);
  blocked[1].narrow(1, 4, 2).fill_(true);
  const at::Tensor rows =
      (relative_buckets(at::arange(1 - kLength, kLength, at::kLong), setting.buckets, setting.reach) + span_).clamp(0, 2 * span_ - 1);
  const TensorMap weights = state_dict(*attention_);
  EXPECT_TRUE(reference::close(run(x, blocked, nullptr), naive_forward(weights, options_, x, blocked, table_, rows), 1e-10));
  EXPECT_TRUE(reference::close(run(x, at::Tensor(), nullptr), naive_forward(weights, options_, x, at::Tensor(), table_, rows), 1e-10));
}

TEST_P(DisentangledAttentionNaive, GradientsEqualCentralDifferences) {
  at::Tensor x = reference::wave({2, kLength, 4}, 0.5, 1.0, at::kDouble).requires_grad_();
  at::Tensor blocked = at::zeros({2, kLength, kLength}, at::kBool);
  blocked[0].narrow(1, 5, 1).fill_(true);
  // A key's bias adds the same to all scores of a row, which the softmax does not see; with p2c it also meets the positions' queries.
  const int64_t zeros = (options_.p2c ? 0 : 1) + (options_.c2p && !options_.share_att_key ? 1 : 0);
  std::vector<at::Tensor> inputs = attention_->parameters();
  inputs.push_back(x);
  if (options_.c2p || options_.p2c) inputs.push_back(table_);
  reference::expect_central_differences([&] { return run(x, blocked, nullptr); }, inputs, 1e-6, zeros);
}

INSTANTIATE_TEST_SUITE_P(Settings, DisentangledAttentionNaive,
                         ::testing::Values(Setting{"direct", true, true, true, -1, 9}, Setting{"buckets", true, true, true, 4, 12},
                                           Setting{"clamped", true, true, false, -1, 3}, Setting{"c2p", true, false, false, -1, 9},
                                           Setting{"p2c", false, true, false, 4, 12}, Setting{"p2c_shared", false, true, true, -1, 9},
                                           Setting{"content", false, false, true, -1, 9}),
                         [](const auto& instance) { return instance.param.name; });

TEST(DisentangledAttention, DropsProbabilitiesAndPositionRows) {
  DisentangledAttentionOptions options = {
      .hidden_size = 4, .num_attention_heads = 1, .hidden_dropout_prob = 0.5, .attention_probs_dropout_prob = 0.0};
  DisentangledAttention attention(options);
  reference::fill(*attention);
  const RelativePositions positions = relative_positions(3, -1, 4, at::kCPU);
  const at::Tensor rows = reference::wave({positions.count, 4}), x = reference::wave({1, 3, 4}, 0.4);
  DropoutSource source(2), same(2);
  const at::Tensor dropped = same.apply(rows, 0.5);
  EXPECT_TRUE(reference::close(attention->forward(x, at::Tensor(), rows, positions, &source),
                               attention->forward(x, at::Tensor(), dropped, positions, nullptr), 1e-6));
  options.hidden_dropout_prob = 0.0;
  options.attention_probs_dropout_prob = 0.5;
  DisentangledAttention other(options);
  reference::fill(*other);
  at::NoGradGuard no_grad;
  // With value = 1 everywhere an output is the sum of the row's kept probabilities: 1 without dropout.
  for (const auto& item : other->named_parameters()) {
    if (item.key() == "value_proj.weight") at::Tensor(item.value()).zero_();
    if (item.key() == "value_proj.bias") at::Tensor(item.value()).fill_(1.0);
  }
  EXPECT_TRUE(reference::close(other->forward(x, at::Tensor(), rows, positions, nullptr), at::ones({1, 3, 4}), 1e-6));
  EXPECT_FALSE(reference::close(other->forward(x, at::Tensor(), rows, positions, &source), at::ones({1, 3, 4}), 1e-3));
}

}  // namespace
}  // namespace infig
