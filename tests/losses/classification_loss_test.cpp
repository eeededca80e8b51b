#include "losses/classification_loss.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "core/error.h"
#include "losses/info_nce.h"
#include "reference/tensors.h"

namespace infig {
namespace {

at::Tensor some_logits() { return at::arange(15, at::kDouble).mul(2.7).sin().mul(3).view({5, 3}); }
at::Tensor some_labels() { return at::tensor({0, 2, 1, 1, 2}, at::kLong); }

// The formula as written, post by post and class by class.
double naive(const at::Tensor& logits, const at::Tensor& labels, const ClassificationLossOptions& options) {
  double sum = 0;
  for (int64_t row = 0; row < logits.size(0); ++row) {
    double all = 0;
    for (int64_t c = 0; c < logits.size(1); ++c) all += std::exp(logits[row][c].item<double>());
    for (int64_t c = 0; c < logits.size(1); ++c) {
      const double p = std::exp(logits[row][c].item<double>()) / all;
      const double smooth = options.label_smoothing / static_cast<double>(logits.size(1));
      const double q = smooth + (labels[row].item<int64_t>() == c ? 1 - options.label_smoothing : 0);
      const double weight = options.class_weights.empty() ? 1 : options.class_weights[static_cast<size_t>(c)];
      sum += weight * q * std::pow(1 - p, options.focal_gamma) * -std::log(p);
    }
  }
  return sum;
}

class ClassificationLoss : public testing::TestWithParam<ClassificationLossOptions> {};

TEST_P(ClassificationLoss, ValueAndGradientAsWritten) {
  const auto& options = GetParam();
  at::Tensor logits = some_logits().set_requires_grad(true);
  const LossTerm loss = classification_loss(logits, some_labels(), options);
  EXPECT_EQ(loss.count, 5);
  const double expected = naive(some_logits(), some_labels(), options);
  EXPECT_NEAR(loss.sum.item<double>(), expected, 1e-10 * std::abs(expected));
  for (const double scale : reference::kUpstreamScales) {
    logits.mutable_grad() = at::Tensor();
    (loss.sum * scale).backward({}, true);
    for (int64_t row = 0; row < 5; ++row) {  // by itself: that of a post that is right already is a millionth of the others
      const at::Tensor one = some_logits().narrow(0, row, 1).clone(), label = some_labels().narrow(0, row, 1);
      const auto value = [&] { return at::tensor(naive(one, label, options), at::kDouble); };
      const at::Tensor slope = reference::central_differences(value, at::ones({}, at::kDouble), {one})[0];
      EXPECT_TRUE(reference::close_to_norm(logits.grad().narrow(0, row, 1) / scale, slope, 1e-6)) << row << " times " << scale;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, ClassificationLoss,
                         testing::Values(ClassificationLossOptions{}, ClassificationLossOptions{.label_smoothing = .1},
                                         ClassificationLossOptions{.focal_gamma = 2}, ClassificationLossOptions{.focal_gamma = .5},
                                         ClassificationLossOptions{.class_weights = {.5, 1, 3}},
                                         ClassificationLossOptions{
                                             .label_smoothing = .2, .focal_gamma = 1.5, .class_weights = {2, .1, 1}}));

TEST(ClassificationLossOptionsTest, PlainIsCrossEntropyToTheBit) {
  EXPECT_TRUE(at::equal(classification_loss(some_logits(), some_labels(), {}).sum, cross_entropy(some_logits(), some_labels()).sum));
}

TEST(ClassificationLossOptionsTest, StaysFiniteWhereTheModelIsSure) {
  at::Tensor logits = at::tensor({90.F, -90.F, -90.F, 90.F}).view({2, 2}).set_requires_grad(true);
  const LossTerm loss = classification_loss(logits, at::tensor({0, 0}, at::kLong), {.label_smoothing = .1, .focal_gamma = .5});
  loss.sum.backward();
  EXPECT_TRUE(std::isfinite(loss.sum.item<double>()));
  EXPECT_TRUE(at::isfinite(logits.grad()).all().item<bool>());
}

TEST(ClassificationLossOptionsTest, BalancedWeightsByHand) {
  EXPECT_EQ(balanced_class_weights({6, 3, 1}), (std::vector<double>{10 / 18.0, 10 / 9.0, 10 / 3.0}));
  EXPECT_THROW(balanced_class_weights({6, 0, 1}), ConfigError);
}

TEST(ClassificationLossOptionsTest, RefusesWhatMakesNoSense) {
  EXPECT_THROW(ClassificationLossOptions{.label_smoothing = 1}.validate(3), ConfigError);
  EXPECT_THROW(ClassificationLossOptions{.focal_gamma = -1}.validate(3), ConfigError);
  EXPECT_THROW((ClassificationLossOptions{.class_weights = {1, 2}}.validate(3)), ConfigError);
  EXPECT_THROW((ClassificationLossOptions{.class_weights = {1, 2, 0}}.validate(3)), ConfigError);
  EXPECT_THROW(classification_loss(some_logits(), at::tensor({0, 1}, at::kLong), {.focal_gamma = 1}), ShapeError);
}

}  // namespace
}  // namespace infig
