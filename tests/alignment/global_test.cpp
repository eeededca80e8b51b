#include "alignment/global.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "alignment/queue.h"
#include "core/error.h"
#include "reference/alignment_reference.h"
#include "reference/tensors.h"

namespace infig {
namespace {

using reference::close;
using reference::close_to_norm;

GlobalAlignmentInput random_input(int64_t batch, int64_t queued, at::ScalarType type, uint64_t seed) {
  at::manual_seed(seed);
  const auto rows = [&](int64_t count) { return at::randn({count, 10}, type); };
  return {.image = rows(batch).requires_grad_(true),
          .text = rows(batch).requires_grad_(true),
          .image_key = rows(batch),
          .text_key = rows(batch),
          .queue_image = rows(queued),
          .queue_text = rows(queued),
          .queue_ids = at::arange(queued, at::kLong) + 100,
          .ids = at::arange(batch, at::kLong),
          .counted = {}};
}

std::vector<int64_t> integers(const at::Tensor& tensor) {
  return {tensor.const_data_ptr<int64_t>(), tensor.const_data_ptr<int64_t>() + tensor.numel()};
}

reference::NaiveGlobalInput plain_input(const GlobalAlignmentInput& input) {
  reference::NaiveGlobalInput plain{.image = reference::to_rows(input.image),
                                    .text = reference::to_rows(input.text),
                                    .image_key = reference::to_rows(input.image_key),
                                    .text_key = reference::to_rows(input.text_key),
                                    .queue_image = reference::to_rows(input.queue_image),
                                    .queue_text = reference::to_rows(input.queue_text),
                                    .queue_ids = integers(input.queue_ids),
                                    .ids = integers(input.ids),
                                    .counted = std::vector<bool>(input.ids.numel(), true)};
  for (size_t b = 0; input.counted.defined() && b < plain.counted.size(); ++b) plain.counted[b] = input.counted[b].item<bool>();
  return plain;
}

struct GlobalCase {
  int64_t batch, queued;
  bool equal_ids, some_missing, literal;
};

void PrintTo(const GlobalCase& c, std::ostream* out) {
  *out << "B" << c.batch << " V" << c.queued << " equal" << c.equal_ids << " missing" << c.some_missing << " literal" << c.literal;
}

class GlobalAgainstLoops : public ::testing::TestWithParam<std::tuple<GlobalCase, at::ScalarType>> {};

TEST_P(GlobalAgainstLoops, LossGradientsAndTemperature) {
  const auto& [c, type] = GetParam();
  const double tolerance = type == at::kDouble ? 1e-10 : 1e-5;
  GlobalAlignmentInput input = random_input(c.batch, c.queued, type, 17);
  if (c.equal_ids) {
    input.ids[1] = 0;  // twice in the batch
    for (int64_t v = 0; v < c.queued; v += 2) input.queue_ids[v] = v % c.batch;
  }
  if (c.some_missing) {
    input.counted = at::ones({c.batch}, at::kBool);
    input.counted[2] = false;
  }
  const at::Tensor tau = at::tensor(0.2, type).requires_grad_(true);
  const auto expected = reference::naive_global(plain_input(input), tau.item<double>(), c.literal);
  const LossTerm loss = global_alignment_loss(input, tau, {.literal = c.literal});
  EXPECT_EQ(loss.count, expected.count);
  EXPECT_EQ(loss.count, c.batch - (c.some_missing ? 1 : 0));
  EXPECT_EQ(loss.sum.scalar_type(), type);
  EXPECT_NEAR(loss.sum.item<double>(), expected.sum, tolerance * (1 + std::abs(expected.sum)));
  for (const double scale : reference::kUpstreamScales) {
    input.image.mutable_grad() = input.text.mutable_grad() = tau.mutable_grad() = at::Tensor();
    (loss.sum * scale).backward({}, true);
    EXPECT_TRUE(close_to_norm(input.image.grad() / scale, reference::to_tensor(expected.image_gradient), tolerance)) << scale;
    EXPECT_TRUE(close_to_norm(input.text.grad() / scale, reference::to_tensor(expected.text_gradient), tolerance)) << scale;
    EXPECT_TRUE(close_to_norm(tau.grad() / scale, at::tensor(expected.temperature_gradient, at::kDouble), tolerance)) << scale;
  }
}

INSTANTIATE_TEST_SUITE_P(All, GlobalAgainstLoops,
                         ::testing::Combine(::testing::Values(GlobalCase{4, 0, false, false, false}, GlobalCase{4, 7, false, false, false},
                                                              GlobalCase{5, 9, true, false, false}, GlobalCase{5, 9, true, true, false},
                                                              GlobalCase{6, 3, false, true, true}, GlobalCase{5, 8, true, false, true}),
                                            ::testing::Values(at::kFloat, at::kDouble)));

TEST(GlobalAlignment, OtherReadingsOfTheEquation) {
  const std::vector<GlobalAlignmentOptions> readings = {
      {.online_partner = true},
      {.batch_negatives = false},
      {.mask_equal_ids = false},
      {.soft_targets = 0.4},
      {.batch_negatives = false, .soft_targets = 1},
      {.literal = true, .online_partner = true, .mask_equal_ids = false},
      {.online_partner = true, .batch_negatives = false, .mask_equal_ids = false, .soft_targets = 0.25}};
  const auto value = [](const GlobalAlignmentInput& input, const at::Tensor& tau, const GlobalAlignmentOptions& options) {
    return global_alignment_loss(input, tau, options).sum;
  };
  for (const GlobalAlignmentOptions& reading : readings) {
    GlobalAlignmentInput input = random_input(4, 6, at::kDouble, 23);
    input.ids[3] = 1;
    input.queue_ids[2] = 0;
    at::Tensor tau = at::tensor(0.3, at::kDouble).view({1}).requires_grad_(true);
    const double expected = reference::naive_global_value(plain_input(input), 0.3,
                                                          {.literal = reading.literal,
                                                           .online_partner = reading.online_partner,
                                                           .batch_negatives = reading.batch_negatives,
                                                           .mask_equal_ids = reading.mask_equal_ids,
                                                           .soft_targets = reading.soft_targets});
    EXPECT_NEAR(value(input, tau, reading).item<double>(), expected, 1e-10 * (1 + std::abs(expected)));
    std::vector<at::Tensor> inputs = {input.image, input.text};
    if (reading.soft_targets == 0) inputs.push_back(tau);  // soft targets move with tau, but are without gradient
    reference::expect_central_differences([&] { return value(input, tau, reading); }, inputs);
  }
  EXPECT_THROW(global_alignment_loss(random_input(3, 2, at::kFloat, 1), at::tensor(0.07f), {.soft_targets = 1.5}), ConfigError);
}

TEST(GlobalAlignment, RowsHaveBatchPlusQueueLogits) {
  FeatureQueue queue(16, 10, at::kCPU);
  for (const int64_t pushed : {0, 5, 5, 5, 5}) {
    GlobalAlignmentInput input = random_input(4, 0, at::kFloat, 3);
    if (pushed > 0) queue.push(at::randn({pushed, 10}), at::randn({pushed, 10}), at::arange(pushed, at::kLong) + 50);
    input.queue_image = queue.image();
    input.queue_text = queue.text();
    input.queue_ids = queue.ids();
    const GlobalLogits logits = global_alignment_logits(input, at::tensor(0.07f), {});
    EXPECT_EQ(logits.image_to_text.sizes(), (std::vector<int64_t>{4, 4 + queue.valid()}));
    EXPECT_EQ(logits.text_to_image.sizes(), (std::vector<int64_t>{4, 4 + queue.valid()}));
    EXPECT_FALSE(logits.excluded.any().item<bool>());
  }
}

TEST(GlobalAlignment, LargeTemperatureGivesLogOfTheKeys) {
  const GlobalAlignmentInput input = random_input(4, 9, at::kDouble, 3);
  EXPECT_NEAR(global_alignment_loss(input, at::tensor(1e9, at::kDouble), {}).mean().item<double>(), std::log(13.0), 1e-7);
}

TEST(GlobalAlignment, SwappingModalitiesSwapsTheDirections) {
  const GlobalAlignmentInput input = random_input(4, 6, at::kDouble, 5);
  GlobalAlignmentInput swapped = input;
  std::swap(swapped.image, swapped.text);
  std::swap(swapped.image_key, swapped.text_key);
  std::swap(swapped.queue_image, swapped.queue_text);
  const at::Tensor tau = at::tensor(0.07, at::kDouble);
  const GlobalLogits there = global_alignment_logits(input, tau, {}), back = global_alignment_logits(swapped, tau, {});
  EXPECT_TRUE(close(back.text_to_image, there.image_to_text, 1e-12));
  EXPECT_TRUE(close(back.image_to_text, there.text_to_image, 1e-12));
  EXPECT_FALSE(close(there.image_to_text, there.text_to_image, 1e-3));
}

TEST(GlobalAlignment, KeysGetNoGradient) {
  GlobalAlignmentInput input = random_input(3, 2, at::kFloat, 5);
  input.text_key.requires_grad_(true);
  global_alignment_loss(input, at::tensor(0.07f), {}).sum.backward();
  EXPECT_FALSE(input.text_key.grad().defined());
  EXPECT_TRUE(input.image.grad().defined());
}

TEST(GlobalAlignment, UncountedPostsMayHoldAnything) {
  GlobalAlignmentInput input = random_input(4, 3, at::kDouble, 8);
  input.counted = at::tensor({1, 0, 1, 1}, at::kLong).to(at::kBool);
  const at::Tensor tau = at::tensor(0.1, at::kDouble);
  const double clean = global_alignment_loss(input, tau, {}).mean().item<double>();
  for (at::Tensor* tensor : {&input.image, &input.text, &input.image_key, &input.text_key}) {
    *tensor = tensor->detach().clone();
    (*tensor)[1] = std::nan("");
  }
  input.image.requires_grad_(true);
  const LossTerm loss = global_alignment_loss(input, tau, {});
  EXPECT_DOUBLE_EQ(loss.mean().item<double>(), clean);
  loss.sum.backward();
  EXPECT_EQ(input.image.grad()[1].abs().max().item<double>(), 0.0);
  input.counted = at::zeros({4}, at::kBool);
  const LossTerm none = global_alignment_loss(input, tau, {});
  EXPECT_EQ(none.count, 0);
  EXPECT_EQ(none.mean().item<double>(), 0.0);
}

TEST(GlobalAlignment, APushBeforeBackwardDoesNotDisturbIt) {
  FeatureQueue queue(4, 10, at::kCPU);
  GlobalAlignmentInput input = random_input(4, 4, at::kFloat, 9);
  queue.push(input.queue_image, input.queue_text, input.queue_ids);
  global_alignment_loss(input, at::tensor(0.07f), {}).sum.backward();
  const at::Tensor expected = input.image.grad().clone();
  input.image.mutable_grad() = at::Tensor();
  input.queue_image = queue.image();
  input.queue_text = queue.text();
  const LossTerm loss = global_alignment_loss(input, at::tensor(0.07f), {});
  queue.push(input.image_key, input.text_key, input.ids);
  loss.sum.backward();
  EXPECT_TRUE(close_to_norm(input.image.grad(), expected, 1e-7));
}

TEST(GlobalAlignment, NamesWhatDoesNotFit) {
  const auto broken = [](auto change) {
    GlobalAlignmentInput input = random_input(3, 2, at::kFloat, 1);
    change(input);
    EXPECT_THROW(global_alignment_loss(input, at::tensor(0.07f), {}), ShapeError);
  };
  broken([](auto& input) { input.text = at::randn({3, 9}); });
  broken([](auto& input) { input.image_key = at::randn({2, 10}); });
  broken([](auto& input) { input.queue_text = at::randn({3, 10}); });
  broken([](auto& input) { input.queue_ids = at::zeros({2}); });
  broken([](auto& input) { input.ids = at::Tensor(); });
  broken([](auto& input) { input.counted = at::ones({2}, at::kBool); });
  EXPECT_THROW(global_alignment_loss(random_input(3, 2, at::kFloat, 1), at::ones({2}), {}), ShapeError);
}

TEST(GlobalRepresentation, HalvesHaveUnitLength) {
  const at::Tensor cls = at::tensor({3.f, 4.f}).view({1, 2}), clip = at::tensor({0.f, 5.f, 12.f}).view({1, 3});
  EXPECT_TRUE(close(global_representation(cls, clip, false), at::tensor({.6, .8, 0., 5 / 13., 12 / 13.}, at::kDouble).view({1, 5}), 1e-7));
  EXPECT_TRUE(close(global_representation(cls, clip, true), at::tensor({3., 4., 0., 5., 12.}, at::kDouble).view({1, 5}), 1e-7));
  EXPECT_TRUE(at::equal(global_representation(cls, {}, false), cls));
  EXPECT_THROW(global_representation(cls, at::ones({2, 3}), false), ShapeError);
}

TEST(GlobalRepresentation, GradientByCentralDifferencesAndNoneForADeadRow) {
  at::manual_seed(4);
  const at::Tensor cls = at::randn({2, 3}, at::kDouble).requires_grad_(true), clip = at::randn({2, 4}, at::kDouble).requires_grad_(true);
  reference::expect_central_differences([&] { return global_representation(cls, clip, false); }, {cls, clip});
  const at::Tensor dead = at::zeros({2, 3}).requires_grad_(true);
  global_representation(dead, at::ones({2, 4}), false).backward(reference::random({2, 7}, 3, at::kFloat));
  EXPECT_EQ(dead.grad().abs().max().item<double>(), 0.0);
}

}  // namespace
}  // namespace infig
