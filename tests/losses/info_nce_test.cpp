#include "losses/info_nce.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numbers>

#include "core/error.h"
#include "reference/alignment_reference.h"
#include "reference/tensors.h"

namespace infig {
namespace {

at::Tensor doubles(const std::vector<double>& values, at::IntArrayRef shape) { return at::tensor(values, at::kDouble).view(shape); }

// Fails on shape, on NaN and on an empty comparison.
void expect_close(const at::Tensor& actual, const at::Tensor& expected, double tolerance) {
  ASSERT_TRUE(actual.defined());
  ASSERT_EQ(actual.sizes(), expected.sizes());
  ASSERT_GT(actual.numel(), 0);
  const double worst = (actual.detach().to(at::kDouble) - expected).abs().max().item<double>();
  EXPECT_LE(worst, tolerance);
  EXPECT_FALSE(std::isnan(worst));
}

TEST(InfoNce, ValuesByHand) {
  // Rows: log(e^0 + e^0 + e^ln 2) - 0 = ln 4; log(1 + 1) - 0 = ln 2 with the third left out.
  const at::Tensor logits = doubles({0, 0, std::log(2.0), 0, 0, 5}, {2, 3});
  const at::Tensor excluded = at::tensor({0, 0, 0, 0, 0, 1}, at::kLong).view({2, 3}).to(at::kBool);
  const LossTerm loss = info_nce(logits, at::tensor({0, 1}, at::kLong), excluded);
  EXPECT_EQ(loss.count, 2);
  EXPECT_NEAR(loss.sum.item<double>(), 3 * std::numbers::ln2, 1e-12);
  EXPECT_EQ(loss.sum.scalar_type(), at::kDouble);
}

TEST(InfoNce, TheTargetIsNeverExcluded) {
  const at::Tensor logits = doubles({1, 2, 3}, {1, 3});
  const at::Tensor all = at::ones({1, 3}, at::kBool);
  EXPECT_NEAR(info_nce(logits, at::tensor({2}, at::kLong), all).sum.item<double>(), 0.0, 1e-12);
}

TEST(InfoNce, DropPositiveGoesBelowZero) {
  // log(e^1) - 4 = -3
  const LossTerm loss = info_nce(doubles({4, 1}, {1, 2}), at::tensor({0}, at::kLong), {}, true);
  EXPECT_NEAR(loss.sum.item<double>(), -3.0, 1e-12);
  EXPECT_EQ(loss.count, 1);
}

TEST(InfoNce, EmptyDenominatorsAreLeftOut) {
  const at::Tensor logits = doubles({4, 1, 2, 3}, {2, 2}).requires_grad_(true);
  const at::Tensor excluded = at::tensor({0, 1, 0, 0}, at::kLong).view({2, 2}).to(at::kBool);
  const LossTerm loss = info_nce(logits, at::tensor({0, 1}, at::kLong), excluded, true);
  EXPECT_EQ(loss.count, 1);
  EXPECT_NEAR(loss.sum.item<double>(), -1.0, 1e-12);
  loss.sum.backward();
  expect_close(logits.grad(), doubles({0, 0, 1, -1}, {2, 2}), 1e-12);
  const LossTerm none = info_nce(doubles({4}, {1, 1}), at::tensor({0}, at::kLong), {}, true);
  EXPECT_EQ(none.count, 0);
  EXPECT_EQ(none.sum.item<double>(), 0.0);
}

class InfoNceAgainstLoops : public ::testing::TestWithParam<std::tuple<bool, bool, at::ScalarType>> {};

TEST_P(InfoNceAgainstLoops, ValueAndGradient) {
  const auto [masked, drop, type] = GetParam();
  const double tolerance = type == at::kDouble ? 1e-10 : 1e-5;
  at::manual_seed(3);
  const at::Tensor source = at::randn({7, 11}, at::kDouble).mul_(3).to(type).to(at::kDouble);
  const at::Tensor targets = at::tensor({0, 1, 2, 3, 10, 5, 0}, at::kLong);
  const at::Tensor excluded = at::rand({7, 11}, at::kDouble) < 0.3;
  auto left_out = reference::nothing_left_out(7, 11);
  for (int64_t r = 0; masked && r < 7; ++r) {
    for (int64_t k = 0; k < 11; ++k) left_out[r][k] = excluded[r][k].item<bool>();
  }
  const auto naive = reference::naive_info_nce(reference::to_rows(source), {0, 1, 2, 3, 10, 5, 0}, left_out, drop);
  const at::Tensor logits = source.to(type).requires_grad_(true);
  const LossTerm loss = info_nce(logits, targets, masked ? excluded : at::Tensor(), drop);
  EXPECT_EQ(loss.count, naive.count);
  EXPECT_EQ(loss.sum.scalar_type(), type);
  EXPECT_NEAR(loss.sum.item<double>(), naive.sum, tolerance * (1 + std::abs(naive.sum)));
  for (const double scale : reference::kUpstreamScales) {
    logits.mutable_grad() = at::Tensor();
    (loss.sum * scale).backward({}, true);
    EXPECT_TRUE(reference::close_to_norm(logits.grad() / scale, reference::to_tensor(naive.gradient), tolerance)) << scale;
  }
}

INSTANTIATE_TEST_SUITE_P(All, InfoNceAgainstLoops,
                         ::testing::Combine(::testing::Bool(), ::testing::Bool(), ::testing::Values(at::kFloat, at::kDouble)));

TEST(InfoNce, HalfPrecisionIsComputedInFloat) {
  const at::Tensor logits = doubles({0.5, 0.25, 0.5, 0.25}, {2, 2}).to(at::kBFloat16);
  const LossTerm loss = info_nce(logits, at::tensor({0, 1}, at::kLong), {});
  EXPECT_EQ(loss.sum.scalar_type(), at::kFloat);
  EXPECT_NEAR(loss.sum.item<double>(), 2 * std::log1p(std::exp(-0.25)) + 0.25, 1e-6);
}

TEST(InfoNce, NoRows) {
  const LossTerm loss = info_nce(at::empty({0, 4}), at::empty({0}, at::kLong), {});
  EXPECT_EQ(loss.count, 0);
  EXPECT_EQ(loss.sum.item<double>(), 0.0);
}

TEST(InfoNce, NamesWhatDoesNotFit) {
  const at::Tensor logits = at::zeros({2, 3});
  EXPECT_THROW(info_nce(logits, at::tensor({0, 3}, at::kLong), {}), ShapeError);
  EXPECT_THROW(info_nce(logits, at::tensor({0, -1}, at::kLong), {}), ShapeError);
  EXPECT_THROW(info_nce(logits, at::tensor({0}, at::kLong), {}), ShapeError);
  EXPECT_THROW(info_nce(logits, at::tensor({0, 1}, at::kInt), {}), ShapeError);
  EXPECT_THROW(info_nce(logits.to(at::kLong), at::tensor({0, 1}, at::kLong), {}), ShapeError);
  EXPECT_THROW(info_nce(logits, at::tensor({0, 1}, at::kLong), at::zeros({2, 2}, at::kBool)), ShapeError);
  EXPECT_THROW(info_nce(at::Tensor(), at::tensor({0, 1}, at::kLong), {}), ShapeError);
  try {
    info_nce(logits, at::tensor({0, 3}, at::kLong), {});
  } catch (const ShapeError& error) {
    EXPECT_NE(std::string(error.what()).find("0 .. 2, found 0 .. 3"), std::string::npos) << error.what();
  }
}

TEST(CrossEntropy, ByHandAndGradient) {
  const at::Tensor logits = doubles({0, 0, 0, std::log(3.0), 0, 0}, {2, 3}).requires_grad_(true);
  const LossTerm loss = cross_entropy(logits, at::tensor({1, 0}, at::kLong));
  EXPECT_NEAR(loss.sum.item<double>(), std::log(3.0) + std::log(5.0 / 3.0), 1e-12);
  EXPECT_NEAR(loss.mean().item<double>(), (std::log(3.0) + std::log(5.0 / 3.0)) / 2, 1e-12);
  loss.sum.backward();
  expect_close(logits.grad(), doubles({1 / 3.0, -2 / 3.0, 1 / 3.0, -0.4, 0.2, 0.2}, {2, 3}), 1e-12);
  EXPECT_THROW(cross_entropy(logits, at::tensor({1, 3}, at::kLong)), ShapeError);
  EXPECT_EQ(cross_entropy(at::zeros({0, 3}), at::empty({0}, at::kLong)).count, 0);
}

TEST(CrossEntropy, LargeLogitsStayFinite) {
  const LossTerm loss = cross_entropy(doubles({1000, -1000}, {1, 2}).to(at::kFloat), at::tensor({1}, at::kLong));
  EXPECT_NEAR(loss.sum.item<double>(), 2000.0, 1e-3);
}

}  // namespace
}  // namespace infig
