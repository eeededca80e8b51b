// NearLeaks against the rule in words, post by post over all matches, on drawn data.
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "core/random.h"
#include "quality/leaks.h"

namespace infig {
namespace {

struct Drawn {
  DataSet data;
  std::vector<std::string> keys;
  std::vector<Match> matches;
};

Drawn draw(uint64_t seed) {
  RandomStream stream(seed, "near leaks");
  Drawn drawn;
  for (int64_t i = 0; i < 60; ++i) {
    Post post;
    post.id = std::to_string(i);
    post.label_id = stream.between(0, 2);
    post.split = static_cast<Split>(stream.between(0, 2));
    drawn.data.posts.push_back(post);
    drawn.keys.push_back(stream.chance(0.1) ? "" : "content " + std::to_string(stream.between(0, 24)));
  }
  const auto contents = static_cast<int64_t>(group_contents(drawn.data, drawn.keys).rows.size());
  for (int64_t second = 1; second < contents; ++second) {
    for (int64_t first = 0; first < second; ++first) {
      // Few values, so that equal ones occur.
      if (stream.chance(0.3)) drawn.matches.push_back({first, second, 0.8 + 0.05 * static_cast<double>(stream.between(0, 3))});
    }
  }
  return drawn;
}

// Of the earlier posts of `split` whose contents match the post's: own label first, then likeness, then place in the file.
std::optional<Leak> best_twin(const Drawn& drawn, const Contents& contents, int64_t row, Split split) {
  const auto& posts = drawn.data.posts;
  const auto place = [&](int64_t i) { return std::pair(posts[static_cast<size_t>(i)].split, i); };
  std::optional<Leak> best;
  for (int64_t other = 0; other < static_cast<int64_t>(posts.size()); ++other) {
    const int64_t a = contents.content_of[static_cast<size_t>(row)], b = contents.content_of[static_cast<size_t>(other)];
    if (a < 0 || b < 0 || posts[static_cast<size_t>(other)].split != split || place(other) >= place(row)) continue;
    for (const Match& match : drawn.matches) {
      if (std::minmax(a, b) != std::minmax(match.first, match.second)) continue;
      const auto rank = [&](const Leak& leak) {
        const bool foreign = posts[static_cast<size_t>(leak.other)].label_id != posts[static_cast<size_t>(row)].label_id;
        return std::tuple(foreign, -leak.similarity, leak.other);
      };
      const Leak leak{LeakKind::kNearPicture, row, other, match.similarity};
      if (!best || rank(leak) < rank(*best)) best = leak;
    }
  }
  return best;
}

TEST(NearLeaks, EqualTheRuleInWords) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    const Drawn drawn = draw(seed);
    const Contents contents = group_contents(drawn.data, drawn.keys);
    std::vector<Leak> expected;
    for (const Split of : {Split::kTrain, Split::kDev, Split::kTest}) {
      for (const int64_t row : drawn.data.rows_of(of)) {
        for (const Split split : {Split::kTrain, Split::kDev, Split::kTest}) {
          if (const auto leak = best_twin(drawn, contents, row, split)) expected.push_back(*leak);
        }
      }
    }
    ASSERT_GE(expected.size(), 40U);
    std::vector<Match> shuffled = drawn.matches;
    RandomStream(seed, "order").shuffle(std::span<Match>(shuffled));
    NearLeaks near(drawn.data, contents);
    for (const Match& match : shuffled) near.add(std::span(&match, 1));
    EXPECT_EQ(near.leaks(LeakKind::kNearPicture), expected) << "seed " << seed;
  }
}

}  // namespace
}  // namespace infig
