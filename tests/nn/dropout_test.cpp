#include "nn/dropout.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/error.h"
#include "core/random.h"
#include "reference/tensors.h"

namespace infig {
namespace {

// One element at a time, straight from the header's text and the generator of core/random.h.
at::Tensor naive_mask(int64_t count, uint64_t seed, int64_t step, uint32_t call, double p) {
  const uint64_t key = derive_seed(seed, "dropout", static_cast<uint64_t>(step));
  at::Tensor mask = at::zeros({count});
  for (int64_t i = 0; i < count; ++i) {
    const auto block_index = static_cast<uint64_t>(i / 8);
    const auto block = philox4x32({static_cast<uint32_t>(block_index), static_cast<uint32_t>(block_index >> 32), call, 0},
                                  {static_cast<uint32_t>(key), static_cast<uint32_t>(key >> 32)});
    const int64_t word = i % 8;
    const uint32_t bits = word % 2 == 0 ? block[word / 2] & 0xFFFF : block[word / 2] >> 16;
    mask[i] = bits >= static_cast<uint32_t>(std::lround(65536 * p)) ? 1.0 : 0.0;
  }
  return mask;
}

TEST(Dropout, FollowsTheNaiveLoopForwardAndBackward) {
  for (const int64_t count : {1, 7, 8, 255, 256, 257, 10007}) {
    DropoutSource source(42);
    source.begin_step(3);
    source.apply(at::ones({5}), 0.5);  // call 0
    at::Tensor x = reference::wave({count}, 1.0).requires_grad_();
    const at::Tensor y = source.apply(x, 0.25);
    const at::Tensor mask = naive_mask(count, 42, 3, 1, 0.25);
    EXPECT_TRUE(reference::close(y, x * mask / 0.75, 1e-6)) << count;
    const at::Tensor factors = reference::wave({count}, 2.0);
    (y * factors).sum().backward();
    EXPECT_TRUE(reference::close(x.grad(), factors * mask / 0.75, 1e-6)) << count;
  }
}

TEST(Dropout, TensorOperationsDrawTheSameMasks) {
  for (const int64_t count : {1, 7, 8, 9, 257, 10007}) {
    for (const double p : {0.1, 0.25, 0.5, 0.9, 1.0 / 65536}) {
      const auto key = derive_seed(42, "dropout", 3);
      const at::Tensor dropped = philox_dropped(count, philox_tables(key, at::kCPU), 1, dropout_threshold(p));
      EXPECT_TRUE(at::equal(dropped, naive_mask(count, 42, 3, 1, p) == 0)) << count << " " << p;
      for (const int64_t first : {1, 8, 13}) {
        const at::Tensor part = philox_dropped(count, philox_tables(key, at::kCPU), 1, dropout_threshold(p), first);
        EXPECT_TRUE(at::equal(part, naive_mask(first + count, 42, 3, 1, p).narrow(0, first, count) == 0)) << first << " " << count;
      }
    }
  }
}

TEST(Dropout, TensorOperationsAgreeWithTheKernelOnManyBlocks) {
  const int64_t count = 3000001;
  DropoutSource source(9);
  const at::Tensor kept = source.apply(at::ones({count}), 0.3) != 0;
  const at::Tensor dropped = philox_dropped(count, philox_tables(derive_seed(9, "dropout", 0), at::kCPU), 0, dropout_threshold(0.3));
  EXPECT_TRUE(at::equal(kept, dropped.logical_not()));
}

TEST(Dropout, WorksOnStridedAndNarrowTypes) {
  const at::Tensor mask = naive_mask(12, 7, 0, 0, 0.5).view({3, 4});
  const at::Tensor x = reference::wave({4, 3}).t();
  EXPECT_TRUE(reference::close(DropoutSource(7).apply(x, 0.5), x * mask * 2, 1e-6));
  for (const auto type : {at::kDouble, at::kBFloat16, at::kHalf}) {
    const at::Tensor narrow = x.to(type);
    const at::Tensor y = DropoutSource(7).apply(narrow, 0.5);
    EXPECT_EQ(y.scalar_type(), type);
    EXPECT_TRUE(reference::close(y, narrow * mask.to(type) * 2, 1e-6));
  }
}

TEST(Dropout, KeepsTheExpectationAndTheRate) {
  DropoutSource source(1);
  const at::Tensor y = source.apply(at::ones({1000000}), 0.1);
  // Deviations of a mean of a million draws: 0.0003 and 0.00033; five of them allowed.
  EXPECT_NEAR((y == 0).to(at::kDouble).mean().item<double>(), 0.1, 0.0015);
  EXPECT_NEAR(y.to(at::kDouble).mean().item<double>(), 1.0, 0.0017);
}

TEST(Dropout, DependsOnSeedStepAndCallOnly) {
  const at::Tensor x = at::ones({4096});
  DropoutSource source(5), again(5), other(6);
  source.begin_step(10);
  const at::Tensor first = source.apply(x, 0.5), second = source.apply(x, 0.5);
  EXPECT_FALSE(at::equal(first, second));
  again.begin_step(9);
  EXPECT_FALSE(at::equal(again.apply(x, 0.5), first));
  again.begin_step(10);
  EXPECT_TRUE(at::equal(again.apply(x, 0.5), first));
  EXPECT_TRUE(at::equal(again.apply(x, 0.5), second));
  other.begin_step(10);
  EXPECT_FALSE(at::equal(other.apply(x, 0.5), first));
}

TEST(Dropout, IsTheSameForAnyThreadCount) {
  const at::Tensor x = reference::wave({300, 301});
  const int before = at::get_num_threads();
  at::set_num_threads(1);
  const at::Tensor one = DropoutSource(3).apply(x, 0.3);
  at::set_num_threads(2);
  const at::Tensor two = DropoutSource(3).apply(x, 0.3);
  at::set_num_threads(before);
  EXPECT_TRUE(at::equal(one, two));
}

TEST(Dropout, LeavesXAloneWithoutSourceOrProbability) {
  const at::Tensor x = at::ones({3});
  EXPECT_TRUE(dropout(x, 0.5, nullptr).is_same(x));
  DropoutSource source(1);
  EXPECT_TRUE(dropout(x, 0.0, &source).is_same(x));
}

TEST(Dropout, DroppedInfinityIsZero) {
  const at::Tensor y = DropoutSource(1).apply(at::full({1000}, std::numeric_limits<float>::infinity()), 0.5);
  EXPECT_FALSE(y.isnan().any().item<bool>());
  EXPECT_GT((y == 0).sum().item<int64_t>(), 400);
}

TEST(Dropout, RefusesImpossibleProbabilities) {
  DropoutSource source(1);
  for (const double p : {-0.1, 1.0, 1.5, std::nan("")}) EXPECT_THROW(source.apply(at::ones({2}), p), ConfigError) << p;
}

}  // namespace
}  // namespace infig
