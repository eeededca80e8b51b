#include "data/sampler.h"

#include <algorithm>
#include <map>
#include <set>

#include "scratch.h"

namespace infig {
namespace {

using Batches = std::vector<std::vector<int64_t>>;
using test::thrown;

// Lengths without order: a fixed walk over 3..40.
std::vector<int64_t> some_lengths(int64_t count) {
  std::vector<int64_t> lengths;
  for (int64_t i = 0; i < count; ++i) lengths.push_back(3 + (i * 23 + i / 7) % 38);
  return lengths;
}

std::vector<int64_t> sorted_indices(const Batches& batches) {
  std::vector<int64_t> all;
  for (const auto& batch : batches) all.insert(all.end(), batch.begin(), batch.end());
  std::sort(all.begin(), all.end());
  return all;
}

int64_t spread(const Batches& batches, const std::vector<int64_t>& lengths) {
  int64_t sum = 0;
  for (const auto& batch : batches) {
    int64_t low = lengths[static_cast<size_t>(batch[0])];
    int64_t high = low;
    for (const int64_t row : batch) {
      low = std::min(low, lengths[static_cast<size_t>(row)]);
      high = std::max(high, lengths[static_cast<size_t>(row)]);
    }
    sum += high - low;
  }
  return sum;
}

Batches draw(const std::vector<int64_t>& lengths, const SamplerOptions& options, uint64_t seed, uint64_t epoch) {
  RandomStream stream(seed, "order", epoch);
  return bucketed_batches(lengths, options, stream);
}

TEST(Sampler, EveryPostComesOnceWithoutDropLast) {
  for (const int64_t count : {1, 7, 8, 9, 64, 203}) {
    const auto batches = draw(some_lengths(count), {.batch_size = 8, .pool_batches = 4, .drop_last = false}, 1, 0);
    ASSERT_EQ(batches.size(), static_cast<size_t>((count + 7) / 8));
    const auto all = sorted_indices(batches);
    ASSERT_EQ(all.size(), static_cast<size_t>(count));
    for (int64_t i = 0; i < count; ++i) EXPECT_EQ(all[static_cast<size_t>(i)], i);
    EXPECT_EQ(std::count_if(batches.begin(), batches.end(), [](const auto& batch) { return batch.size() != 8; }), count % 8 == 0 ? 0 : 1);
  }
}

TEST(Sampler, DropLastKeepsFullBatchesOnlyAndNoPostTwice) {
  const auto batches = draw(some_lengths(203), {.batch_size = 8, .pool_batches = 4}, 1, 0);
  ASSERT_EQ(batches.size(), 25U);
  for (const auto& batch : batches) EXPECT_EQ(batch.size(), 8U);
  const auto all = sorted_indices(batches);
  EXPECT_EQ(std::set<int64_t>(all.begin(), all.end()).size(), 200U);
}

// What is left out is a draw over all posts. Left out after sorting it would be the longest of a pool every time.
TEST(Sampler, DropLastLeavesOutLongAndShortPostsAlike) {
  std::vector<int64_t> lengths(11);
  for (size_t i = 0; i < lengths.size(); ++i) lengths[i] = static_cast<int64_t>(i);
  std::map<int64_t, int> left_out;
  for (uint64_t epoch = 0; epoch < 1100; ++epoch) {
    const auto all = sorted_indices(draw(lengths, {.batch_size = 10, .pool_batches = 8}, 3, epoch));
    for (int64_t row = 0; row < 11; ++row) left_out[row] += std::binary_search(all.begin(), all.end(), row) ? 0 : 1;
  }
  // 100 expected each, deviation 9.5: five deviations either way.
  for (int64_t row = 0; row < 11; ++row) EXPECT_NEAR(left_out[row], 100, 48) << row;
}

TEST(Sampler, LengthsInsideABatchAreAlike) {
  const auto lengths = some_lengths(800);
  const auto plain = draw(lengths, {.batch_size = 16, .pool_batches = 1}, 5, 0);
  const auto bucketed = draw(lengths, {.batch_size = 16, .pool_batches = 10}, 5, 0);
  EXPECT_LT(spread(bucketed, lengths) * 5, spread(plain, lengths));
  // One pool over everything: batches do not overlap in length at all.
  auto whole = draw(lengths, {.batch_size = 16, .pool_batches = 1000000}, 5, 0);
  std::sort(whole.begin(), whole.end(), [&](const auto& a, const auto& b) {
    const auto key = [&](const std::vector<int64_t>& batch) {
      return std::pair(lengths[static_cast<size_t>(batch.front())], lengths[static_cast<size_t>(batch.back())]);
    };
    return key(a) < key(b);
  });
  for (size_t i = 1; i < whole.size(); ++i) {
    EXPECT_LE(lengths[static_cast<size_t>(whole[i - 1].back())], lengths[static_cast<size_t>(whole[i].front())]);
  }
}

TEST(Sampler, SameSeedSameBatchesAndOtherEpochsOtherMates) {
  const auto lengths = some_lengths(400);
  const SamplerOptions options{.batch_size = 8, .pool_batches = 5};
  EXPECT_EQ(draw(lengths, options, 1, 0), draw(lengths, options, 1, 0));
  EXPECT_NE(draw(lengths, options, 2, 0), draw(lengths, options, 1, 0));
  const auto mates = [&](uint64_t epoch) {
    std::set<std::pair<int64_t, int64_t>> pairs;
    for (const auto& batch : draw(lengths, options, 1, epoch)) {
      for (const int64_t a : batch) {
        for (const int64_t b : batch) {
          if (a < b) pairs.emplace(a, b);
        }
      }
    }
    return pairs;
  };
  const auto first = mates(0);
  const auto second = mates(1);
  ASSERT_EQ(first.size(), 50U * 28U);
  std::vector<std::pair<int64_t, int64_t>> common;
  std::set_intersection(first.begin(), first.end(), second.begin(), second.end(), std::back_inserter(common));
  EXPECT_LT(common.size(), first.size() / 4);
}

// Long and short batches must not come in order of length: the batches are shuffled after they are cut.
TEST(Sampler, BatchesComeInNoOrderOfLength) {
  const auto lengths = some_lengths(640);
  const auto batches = draw(lengths, {.batch_size = 8, .pool_batches = 80}, 1, 0);
  ASSERT_EQ(batches.size(), 80U);
  int64_t rises = 0;
  int64_t falls = 0;
  for (size_t i = 1; i < batches.size(); ++i) {
    const int64_t step = lengths[static_cast<size_t>(batches[i][0])] - lengths[static_cast<size_t>(batches[i - 1][0])];
    rises += step > 0 ? 1 : 0;
    falls += step < 0 ? 1 : 0;
  }
  EXPECT_GT(rises, 20);  // in order of length there would be no fall at all
  EXPECT_GT(falls, 20);
}

TEST(Sampler, SortedBatchesAreByLengthWithTiesInOrder) {
  EXPECT_EQ(sorted_batches({5, 3, 9, 3, 1}, 2), (Batches{{4, 1}, {3, 0}, {2}}));
  EXPECT_EQ(sorted_batches({}, 2), Batches{});
}

TEST(Sampler, BalancedRowsGiveEveryClassTheSame) {
  const std::vector<int64_t> labels = {0, 0, 0, 0, 0, 0, 2, 2, 0, 3, 2};  // class 1 has no rows
  RandomStream stream(5, "balance", 1);
  const auto rows = balanced_rows(labels, 4, stream);
  ASSERT_EQ(rows.size(), labels.size());
  std::map<int64_t, std::map<int64_t, int>> seen;  // label -> row -> times
  for (const int64_t row : rows) ++seen[labels.at(static_cast<size_t>(row))][row];
  ASSERT_EQ(seen.size(), 3U);
  const auto total = [&](int64_t label) {
    int sum = 0;
    for (const auto& [row, times] : seen[label]) sum += times;
    return sum;
  };
  EXPECT_EQ(total(0), 4);  // 11 = 4 + 4 + 3
  EXPECT_EQ(total(2), 4);
  EXPECT_EQ(total(3), 3);
  EXPECT_EQ(seen[0].size(), 4U);  // more rows than wanted: none twice
  EXPECT_EQ(seen[2].size(), 3U);  // 3 rows, 4 places: all, one of them twice
  EXPECT_EQ(seen[3][9], 3);
  RandomStream again(5, "balance", 1), other(5, "balance", 2);
  EXPECT_EQ(balanced_rows(labels, 4, again), rows);
  EXPECT_NE(balanced_rows(labels, 4, other), rows);
}

// The order of the posts before they are cut into batches: batches of one, pools of one.
std::vector<int64_t> buffered(const std::vector<int64_t>& shards, int64_t buffer, uint64_t epoch) {
  RandomStream stream(1, "order", epoch);
  int64_t posts = 0;
  for (const int64_t count : shards) posts += count;
  std::vector<int64_t> order;
  for (const auto& batch :
       bucketed_batches(some_lengths(posts), {.batch_size = 1, .pool_batches = 1, .shuffle_buffer = buffer}, stream, shards)) {
    order.push_back(batch.at(0));
  }
  return order;
}

TEST(Sampler, ABufferGoesThroughTheShardsOneByOne) {
  const std::vector<int64_t> shards = {100, 50, 100, 250};
  const auto shard_of = [](int64_t row) { return row < 100 ? 0 : row < 150 ? 1 : row < 250 ? 2 : 3; };
  std::set<std::vector<int>> orders;
  for (uint64_t epoch = 0; epoch < 30; ++epoch) {
    const auto order = buffered(shards, 1, epoch);  // a buffer of one post: the shards alone are shuffled
    std::vector<int> seen;
    for (size_t i = 0; i < order.size(); ++i) {
      if (i > 0 && shard_of(order[i]) == shard_of(order[i - 1])) {
        EXPECT_EQ(order[i], order[i - 1] + 1);
      } else {
        seen.push_back(shard_of(order[i]));
      }
    }
    EXPECT_EQ(seen.size(), 4U);
    orders.insert(seen);
  }
  EXPECT_GT(orders.size(), 10U);  // of 24
}

TEST(Sampler, ABufferShufflesNearbyPostsAndKeepsReadingNearlyInOrder) {
  const std::vector<int64_t> one_shard = {2000};
  const auto order = buffered(one_shard, 64, 3);
  EXPECT_EQ(order, buffered(one_shard, 64, 3));
  EXPECT_NE(order, buffered(one_shard, 64, 4));
  std::set<int64_t> all(order.begin(), order.end());
  EXPECT_EQ(all.size(), 2000U);
  int64_t in_place = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    EXPECT_LE(order[i], static_cast<int64_t>(i) + 63);  // nothing is read earlier than the buffer reaches
    in_place += order[i] == static_cast<int64_t>(i) ? 1 : 0;
  }
  EXPECT_LT(in_place, 100);  // 1 in 64 by chance: 31
  // Batches stay inside their pool: the first 8 batches hold what the buffer gave first.
  RandomStream stream(1, "order", 3);
  const auto batches = bucketed_batches(some_lengths(2000), {.batch_size = 8, .pool_batches = 8, .shuffle_buffer = 64}, stream, one_shard);
  EXPECT_EQ(sorted_indices(Batches(batches.begin(), batches.begin() + 8)), [&] {
    std::vector<int64_t> first(order.begin(), order.begin() + 64);
    std::sort(first.begin(), first.end());
    return first;
  }());
}

TEST(Sampler, ShardsAreTarsOrRunsOfPosts) {
  std::vector<Post> posts(2300);
  std::vector<int64_t> rows;
  for (size_t i = 0; i < posts.size(); ++i) {
    posts[i].image = i < 5    ? FileSpan("a.tar", 512, 3)
                     : i == 5 ? FileSpan()
                     : i < 9  ? FileSpan("b.tar", 512, 3)
                              : FileSpan("x/images.pack", 0, 3);
    if (i != 2) rows.push_back(static_cast<int64_t>(i));
  }
  EXPECT_EQ(shards_of(posts, rows), (std::vector<int64_t>{5, 3, 1000, 1000, 291}));
  EXPECT_TRUE(shards_of(posts, {}).empty());
}

TEST(Sampler, RefusesWhatGivesNoBatch) {
  RandomStream stream(1, "order");
  thrown<ConfigError>([&] { bucketed_batches({4, 5}, {.batch_size = 1, .shuffle_buffer = 3}, stream, {3}); });
  thrown<ConfigError>([&] { bucketed_batches({4, 5}, {.batch_size = 1, .shuffle_buffer = -1}, stream, {2}); });
  const auto message = thrown<DataError>([&] { bucketed_batches({4, 5, 6}, {.batch_size = 4}, stream); });
  EXPECT_THAT(message, ::testing::HasSubstr("3 posts are too few for one batch of 4"));
  thrown<ConfigError>([&] { bucketed_batches({4, 5}, {.batch_size = 0}, stream); });
  thrown<ConfigError>([&] { bucketed_batches({4, 5}, {.batch_size = 1, .pool_batches = 0}, stream); });
  thrown<ConfigError>([&] { sorted_batches({4, 5}, 0); });
}

}  // namespace
}  // namespace infig
