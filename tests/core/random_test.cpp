#include "core/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <set>
#include <stdexcept>
#include <vector>

namespace infig {
namespace {

// The known answers that Random123 publishes for philox4x32-10.
TEST(Philox, KnownAnswers) {
  using Block = std::array<uint32_t, 4>;
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}), (Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  constexpr uint32_t kOnes = 0xffffffff;
  EXPECT_EQ(philox4x32({kOnes, kOnes, kOnes, kOnes}, {kOnes, kOnes}), (Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

std::vector<uint32_t> words(RandomStream stream, int count) {
  std::vector<uint32_t> drawn;
  for (int i = 0; i < count; ++i) drawn.push_back(stream.next_u32());
  return drawn;
}

TEST(RandomStream, IsPhiloxInCounterMode) {
  const uint64_t key = derive_seed(7, "sampler", 3);
  const auto drawn = words(RandomStream(7, "sampler", 3), 12);
  for (uint32_t block = 0; block < 3; ++block) {
    const auto expected = philox4x32({block, 0, 0, 0}, {static_cast<uint32_t>(key), static_cast<uint32_t>(key >> 32)});
    for (size_t lane = 0; lane < 4; ++lane) EXPECT_EQ(drawn[block * 4 + lane], expected[lane]);
  }
}

TEST(RandomStream, SameNameSameDrawsOtherNameOthers) {
  const auto base = words(RandomStream(1, "dropout", 0), 64);
  EXPECT_EQ(base, words(RandomStream(1, "dropout", 0), 64));
  std::set<std::vector<uint32_t>> all = {base};
  all.insert(words(RandomStream(2, "dropout", 0), 64));
  all.insert(words(RandomStream(1, "dropouu", 0), 64));
  all.insert(words(RandomStream(1, "", 0), 64));
  for (uint64_t index = 1; index < 100; ++index) all.insert(words(RandomStream(1, "dropout", index), 64));
  EXPECT_EQ(all.size(), 103U);
}

// Bits of two streams agree half the time: 64 * 1000 fair coins stay within six standard deviations of their mean.
TEST(RandomStream, NeighbouringStreamsAreUncorrelated) {
  for (uint64_t index = 0; index < 20; ++index) {
    RandomStream a(1, "order", index), b(1, "order", index + 1);
    int64_t equal = 0;
    for (int i = 0; i < 1000; ++i) equal += 64 - __builtin_popcountll(a.next_u64() ^ b.next_u64());
    EXPECT_NEAR(static_cast<double>(equal), 32000.0, 6 * std::sqrt(64000.0) / 2);
  }
}

TEST(RandomStream, SeekContinuesWhereItLeft) {
  const auto all = words(RandomStream(5, "seek"), 41);
  for (uint64_t position = 0; position < 40; ++position) {
    RandomStream stream(5, "seek");
    stream.seek(position);
    EXPECT_EQ(stream.position(), position);
    EXPECT_EQ(stream.next_u32(), all[position]) << position;
  }
  RandomStream far(5, "seek");
  far.seek((1ULL << 40) + 2);
  RandomStream further(5, "seek");
  further.seek((1ULL << 40) + 3);
  far.next_u32();
  EXPECT_EQ(far.next_u32(), further.next_u32());
}

TEST(RandomStream, UniformIsFlatInItsRange) {
  RandomStream stream(3, "uniform");
  std::array<int, 10> bins{};
  double sum = 0;
  for (int i = 0; i < 100000; ++i) {
    const double value = stream.uniform();
    ASSERT_GE(value, 0.0);
    ASSERT_LT(value, 1.0);
    ++bins[static_cast<size_t>(value * 10)];
    sum += value;
  }
  for (const int bin : bins) EXPECT_NEAR(bin, 10000, 600);  // six standard deviations of a bin are 570
  EXPECT_NEAR(sum / 100000, 0.5, 0.006);
  for (int i = 0; i < 1000; ++i) {
    const double value = stream.uniform(-2.0, 3.0);
    ASSERT_GE(value, -2.0);
    ASSERT_LT(value, 3.0);
  }
}

TEST(RandomStream, BelowCoversEveryValueEvenly) {
  RandomStream stream(3, "below");
  std::array<int, 7> bins{};
  for (int i = 0; i < 70000; ++i) ++bins[stream.below(7)];
  for (const int bin : bins) EXPECT_NEAR(bin, 10000, 560);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(stream.below(1), 0U);
  // Of n = 3/4 * 2^64 a bare modulo would give results under 2^62 in half of all draws, not in a third.
  constexpr uint64_t kThreeQuarters = 3ULL << 62;
  int low = 0;
  for (int i = 0; i < 30000; ++i) low += stream.below(kThreeQuarters) < (1ULL << 62) ? 1 : 0;
  EXPECT_NEAR(low, 10000, 500);
  EXPECT_THROW(stream.below(0), std::invalid_argument);
  EXPECT_THROW(stream.pick(std::vector<int>{}), std::invalid_argument);
}

TEST(RandomStream, BetweenHoldsBothEnds) {
  RandomStream stream(3, "between");
  std::set<int64_t> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(stream.between(-2, 2));
  EXPECT_EQ(seen, (std::set<int64_t>{-2, -1, 0, 1, 2}));
  constexpr int64_t kMin = std::numeric_limits<int64_t>::min(), kMax = std::numeric_limits<int64_t>::max();
  bool negative = false, positive = false;
  for (int i = 0; i < 100; ++i) {
    const int64_t value = stream.between(kMin, kMax);
    negative |= value < 0;
    positive |= value > 0;
  }
  EXPECT_TRUE(negative && positive);
  EXPECT_EQ(stream.between(kMax, kMax), kMax);
  EXPECT_THROW(stream.between(2, 1), std::invalid_argument);
}

TEST(RandomStream, NormalHasItsMoments) {
  RandomStream stream(11, "normal");
  double sum = 0, squares = 0, fourth = 0;
  constexpr int kCount = 200000;
  int beyond = 0;
  for (int i = 0; i < kCount; ++i) {
    const double x = stream.normal();
    ASSERT_TRUE(std::isfinite(x));
    sum += x;
    squares += x * x;
    fourth += x * x * x * x;
    beyond += std::abs(x) > 1.959964 ? 1 : 0;
  }
  EXPECT_NEAR(sum / kCount, 0.0, 0.015);
  EXPECT_NEAR(squares / kCount, 1.0, 0.02);
  EXPECT_NEAR(fourth / kCount, 3.0, 0.15);
  EXPECT_NEAR(beyond / static_cast<double>(kCount), 0.05, 0.003);
}

TEST(RandomStream, ChanceAtItsEnds) {
  RandomStream stream(11, "chance");
  for (int i = 0; i < 1000; ++i) {
    EXPECT_FALSE(stream.chance(0.0));
    EXPECT_TRUE(stream.chance(1.0));
  }
}

TEST(RandomStream, ShuffleReachesEveryOrderEvenly) {
  std::array<int, 24> counts{};
  RandomStream stream(13, "shuffle");
  for (int i = 0; i < 24000; ++i) {
    std::array<int, 4> items = {0, 1, 2, 3};
    stream.shuffle(std::span<int>(items));
    auto sorted = items;
    std::sort(sorted.begin(), sorted.end());
    ASSERT_EQ(sorted, (std::array<int, 4>{0, 1, 2, 3}));
    size_t rank = 0;  // number of the permutation among the 24 (Lehmer code)
    constexpr std::array<size_t, 4> kWeights = {6, 2, 1, 0};
    for (size_t a = 0; a < 4; ++a) {
      for (size_t b = a + 1; b < 4; ++b) rank += items[b] < items[a] ? kWeights[a] : 0;
    }
    ++counts[rank];
  }
  for (const int count : counts) EXPECT_NEAR(count, 1000, 190);
}

}  // namespace
}  // namespace infig
