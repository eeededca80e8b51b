#include "alignment/momentum.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/linear.h>

#include <cmath>
#include <deque>
#include <limits>

#include "alignment/fine_grained.h"
#include "alignment/queue.h"
#include "core/error.h"
#include "reference/tensors.h"

namespace infig {
namespace {

using reference::close;

struct Twin : torch::nn::Module {
  explicit Twin(int64_t width = 3) {
    linear = register_module("linear", torch::nn::Linear(width, 2));
    norm = register_module("norm", torch::nn::BatchNorm1d(2));
  }
  torch::nn::Linear linear{nullptr};
  torch::nn::BatchNorm1d norm{nullptr};
};
struct Online : Twin {
  Online() { head = register_module("head", torch::nn::Linear(2, 2)); }  // without a momentum copy
  torch::nn::Linear head{nullptr};
};

TEST(Momentum, TheTwinEqualsTheModelAtStepZero) {
  Online online;
  Twin twin;
  reference::fill(online);
  online.norm->running_mean.fill_(0.3);
  online.norm->num_batches_tracked.fill_(7);
  copy_to_twin(online, twin);
  for (const auto& item : twin.named_parameters()) {
    EXPECT_TRUE(at::equal(item.value(), online.named_parameters()[item.key()])) << item.key();
    EXPECT_FALSE(item.value().requires_grad()) << item.key();
  }
  EXPECT_TRUE(online.linear->weight.requires_grad());
  EXPECT_TRUE(at::equal(twin.norm->running_mean, online.norm->running_mean));
  EXPECT_EQ(twin.norm->num_batches_tracked.item<int64_t>(), 7);
  // Own memory: a change of the model does not reach the twin.
  const at::Tensor before = twin.linear->weight.clone();
  {
    const at::NoGradGuard no_grad;
    online.linear->weight.add_(1);
  }
  EXPECT_TRUE(at::equal(twin.linear->weight, before));
}

TEST(Momentum, OneUpdateByHand) {
  Online online;
  Twin twin;
  reference::fill(online);
  copy_to_twin(online, twin);
  {
    const at::NoGradGuard no_grad;
    online.linear->bias.fill_(2);
    twin.linear->bias.fill_(1);
  }
  update_twin(online, twin, 0.75);
  EXPECT_TRUE(close(twin.linear->bias, at::full({2}, 1.25), 1e-7));
  update_twin(online, twin, 1.0);
  EXPECT_TRUE(close(twin.linear->bias, at::full({2}, 1.25), 1e-7));
  update_twin(online, twin, 0.0);
  EXPECT_TRUE(at::equal(twin.linear->bias, online.linear->bias));
}

TEST(Momentum, AnUpdateRaisesVersionsSoThatFoldedWeightsAreMadeAgain) {
  Online online;
  Twin twin;
  copy_to_twin(online, twin);
  const auto weight = twin.linear->weight._version(), mean = twin.norm->running_mean._version();
  update_twin(online, twin, 0.5);
  EXPECT_GT(twin.linear->weight._version(), weight);
  EXPECT_GT(twin.norm->running_mean._version(), mean);
}

TEST(Momentum, AThousandStepsFollowTheClosedForm) {
  // p_s = 1 + s (a constant drift) from p_0 = 1: twin_n = m^n + (1 - m) sum_s m^(n - s) p_s.
  Online online;
  Twin twin;
  online.to(at::kDouble);
  twin.to(at::kDouble);
  {
    const at::NoGradGuard no_grad;
    for (at::Tensor& p : online.parameters()) p.fill_(1);
  }
  copy_to_twin(online, twin);
  constexpr double kMomentum = 0.995;
  double expected = std::pow(kMomentum, 1000);
  for (int step = 1; step <= 1000; ++step) {
    {
      const at::NoGradGuard no_grad;
      for (at::Tensor& p : online.parameters()) p.add_(1);
    }
    update_twin(online, twin, kMomentum);
    expected += (1 - kMomentum) * std::pow(kMomentum, 1000 - step) * (1.0 + step);
  }
  // The sum in closed form: p_n lags by m / (1 - m) (1 - m^n).
  EXPECT_NEAR(expected, 1001 - kMomentum / (1 - kMomentum) * (1 - std::pow(kMomentum, 1000)), 1e-9);
  for (const at::Tensor& p : twin.parameters()) EXPECT_TRUE(close(p, at::full(p.sizes(), expected, at::kDouble), 1e-10));
}

TEST(Momentum, ModulesThatDifferAreNamed) {
  Online online;
  Twin wide(4);
  try {
    update_twin(online, wide, 0.9);
    FAIL() << "a wider twin was accepted";
  } catch (const ShapeError& error) {
    EXPECT_NE(std::string(error.what()).find("linear.weight"), std::string::npos) << error.what();
  }
  Twin plain;
  EXPECT_THROW(copy_to_twin(plain, online), ShapeError);  // head is missing in the online module
  EXPECT_THROW(update_twin(online, plain, 1.5), ConfigError);
  EXPECT_THROW(update_twin(online, plain, std::numeric_limits<double>::quiet_NaN()), ConfigError);
}

at::Tensor rows_of(int64_t first, int64_t count) {
  return (at::arange(first, first + count, at::kFloat).unsqueeze(1) * at::tensor({1.f, 10.f}).unsqueeze(0)).contiguous();
}

TEST(FeatureQueue, StartsEmptyAndWraps) {
  FeatureQueue queue(5, 2, at::kCPU);
  EXPECT_EQ(queue.valid(), 0);
  EXPECT_EQ(queue.image().sizes(), (std::vector<int64_t>{0, 2}));
  queue.push(rows_of(0, 3), rows_of(100, 3), at::arange(3, at::kLong));
  EXPECT_EQ(queue.valid(), 3);
  EXPECT_EQ(queue.pointer(), 3);
  EXPECT_TRUE(close(queue.image(), rows_of(0, 3), 0));
  queue.push(rows_of(3, 4), rows_of(103, 4), at::arange(3, 7, at::kLong));
  EXPECT_EQ(queue.valid(), 5);
  EXPECT_EQ(queue.pointer(), 2);
  EXPECT_TRUE(at::equal(queue.ids(), at::tensor({5, 6, 2, 3, 4}, at::kLong)));
  EXPECT_TRUE(close(queue.text(), at::cat({rows_of(105, 2), rows_of(102, 3)}), 0));
}

TEST(FeatureQueue, MoreRowsThanCapacityKeepTheLast) {
  FeatureQueue queue(3, 2, at::kCPU);
  queue.push(rows_of(0, 1), rows_of(0, 1), at::arange(1, at::kLong));
  queue.push(rows_of(1, 7), rows_of(1, 7), at::arange(1, 8, at::kLong));
  EXPECT_TRUE(at::equal(queue.ids(), at::tensor({6, 7, 5}, at::kLong)));  // as if pushed one by one: 8 rows, so the next place is 2
  EXPECT_EQ(queue.pointer(), 2);
}

TEST(FeatureQueue, CapacityZeroHoldsNothing) {
  FeatureQueue queue(0, 2, at::kCPU);
  queue.push(rows_of(0, 3), rows_of(0, 3), at::arange(3, at::kLong));
  EXPECT_EQ(queue.valid(), 0);
  EXPECT_EQ(queue.pointer(), 0);
  EXPECT_EQ(queue.ids().size(0), 0);
  FeatureQueue(0, 2, at::kCPU).restore(queue.state());
}

TEST(FeatureQueue, AThousandPushesFollowNaiveBookkeeping) {
  constexpr int64_t kCapacity = 23;
  FeatureQueue queue(kCapacity, 2, at::kCPU);
  std::vector<int64_t> slots(kCapacity, -1);
  int64_t written = 0;
  for (int64_t step = 0; step < 1000; ++step) {
    const int64_t count = (step * 7) % 31;  // 0 .. 30: empty ones and longer than the queue among them
    queue.push(rows_of(written, count), rows_of(-written, count), at::arange(written, written + count, at::kLong));
    for (int64_t i = 0; i < count; ++i, ++written) slots[written % kCapacity] = written;
    ASSERT_EQ(queue.pointer(), written % kCapacity);
    ASSERT_EQ(queue.valid(), std::min(written, kCapacity));
    if (step == 500) {
      FeatureQueue other(kCapacity, 2, at::kCPU);
      other.restore(queue.state());
      queue = other;
    }
  }
  ASSERT_EQ(queue.ids().size(0), kCapacity);
  for (int64_t slot = 0; slot < kCapacity; ++slot) {
    EXPECT_EQ(queue.ids()[slot].item<int64_t>(), slots[slot]);
    EXPECT_EQ(queue.image()[slot][1].item<float>(), 10.f * static_cast<float>(slots[slot]));
  }
}

TEST(FeatureQueue, RefusesWhatDoesNotFitAndStaysAsItWas) {
  FeatureQueue queue(4, 2, at::kCPU);
  queue.push(rows_of(0, 2), rows_of(0, 2), at::arange(2, at::kLong));
  EXPECT_THROW(queue.push(rows_of(0, 2), rows_of(0, 3), at::arange(2, at::kLong)), ShapeError);
  EXPECT_THROW(queue.push(rows_of(0, 2), rows_of(0, 2), at::arange(3, at::kLong)), ShapeError);
  EXPECT_THROW(queue.push(at::ones({2, 3}), at::ones({2, 3}), at::arange(2, at::kLong)), ShapeError);
  EXPECT_EQ(queue.valid(), 2);
  EXPECT_THROW(FeatureQueue(-1, 2, at::kCPU), ConfigError);
  FeatureQueue::State state = queue.state();
  EXPECT_THROW(FeatureQueue(5, 2, at::kCPU).restore(state), CheckpointError);
  EXPECT_THROW(FeatureQueue(4, 3, at::kCPU).restore(state), CheckpointError);
  state.pointer = 3;
  EXPECT_THROW(queue.restore(state), CheckpointError);
  state.valid = 9;
  EXPECT_THROW(queue.restore(state), CheckpointError);
}

TEST(Temperature, AThousandClampedStepsFollowTheLoop) {
  at::Tensor tau = at::tensor(0.07f).requires_grad_(true);
  float expected = 0.07f;
  for (int step = 0; step < 1000; ++step) {
    const float move = 0.02f * std::sin(0.01f * static_cast<float>(step));
    {
      const at::NoGradGuard no_grad;
      tau.add_(move);
    }
    clamp_temperature(tau);
    expected = std::min(0.5f, std::max(0.001f, expected + move));
    ASSERT_FLOAT_EQ(tau.item<float>(), expected) << step;
  }
}

}  // namespace
}  // namespace infig
