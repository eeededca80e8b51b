#include "linear/cooccurrence.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "core/error.h"
#include "core/random.h"

namespace infig {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// Words a = 2, b = 3, c = 4, d = 5; window 1. Texts "a b c", "a b", "c d d", "a _ d" (_ unknown).
//   N = 10: a 3, b 2, c 2, d 3
//   neighbours: ab 2 ba 2, bc 1 cb 1, cd 1 dc 1, dd 2 (each of the two sees the other)
//   a and d of the last text stand two places apart: no pair
// PMI > 0 where c_uv N > c_u c_v: ab 20 > 6, bc 10 > 4, cd 10 > 6, dd 20 > 9. With min_count 2 only ab, ba and dd stay.
const std::vector<std::vector<int64_t>> kTexts = {{2, 3, 4}, {2, 3}, {4, 5, 5}, {2, 1, 5}};

TEST(WordPairs, FollowTheHandWorkedExample) {
  const WordPairOptions options = {.words = 6, .window = 1, .min_count = 2};
  EXPECT_THAT(word_pairs(kTexts, options), ElementsAre(2 * 6 + 3, 3 * 6 + 2, 5 * 6 + 5));
  WordPairOptions once = options;
  once.min_count = 1;
  EXPECT_THAT(word_pairs(kTexts, once), ElementsAre(2 * 6 + 3, 3 * 6 + 2, 3 * 6 + 4, 4 * 6 + 3, 4 * 6 + 5, 5 * 6 + 4, 5 * 6 + 5));
}

TEST(WordPairs, NoMoreOftenThanChanceIsNoPair) {
  // "a b" and "a a" (window 1): N = 4, a 3, b 1; ab 1: 1 * 4 > 3; aa 2: 2 * 4 < 9.
  EXPECT_THAT(word_pairs({{2, 3}, {2, 2}}, {.words = 4, .window = 1, .min_count = 1}), ElementsAre(2 * 4 + 3, 3 * 4 + 2));
  // "a a": N = 2, aa 2: 2 * 2 = 4 = 2 * 2, just as chance has it.
  EXPECT_TRUE(word_pairs({{2, 2}}, {.words = 3, .window = 1, .min_count = 1}).empty());
}

TEST(WordPairs, EqualANaiveCountForAnyThreadsAndPasses) {
  RandomStream stream(3, "pairs");
  constexpr int64_t kWords = 23;
  std::vector<std::vector<int64_t>> texts(3000);
  for (auto& text : texts) {
    text.resize(stream.below(12));
    for (int64_t& id : text) id = static_cast<int64_t>(stream.below(kWords) * stream.below(kWords) / kWords);  // small ids are frequent
  }
  std::map<std::pair<int64_t, int64_t>, double> together;
  std::map<int64_t, double> alone;
  double total = 0;
  for (const auto& text : texts) {
    for (size_t i = 0; i < text.size(); ++i) {
      if (text[i] < 2) continue;
      ++alone[text[i]];
      ++total;
      for (size_t j = 0; j < text.size(); ++j) {
        const size_t apart = i > j ? i - j : j - i;
        if (apart >= 1 && apart <= 3 && text[j] >= 2) ++together[{text[i], text[j]}];
      }
    }
  }
  std::vector<int64_t> expected;
  for (const auto& [pair, count] : together) {
    const double pmi = std::log((count / total) / (alone[pair.first] / total * (alone[pair.second] / total)));
    if (count >= 30 && pmi > 1e-12) expected.push_back(pair.first * kWords + pair.second);
  }
  ASSERT_GT(expected.size(), 20U);
  ASSERT_LT(expected.size(), together.size() - 20);
  for (const int64_t threads : {1, 3}) {
    for (const int64_t counters : {int64_t{1}, 5 * kWords, int64_t{1} << 20})
      EXPECT_EQ(word_pairs(texts, {.words = kWords, .window = 3, .min_count = 30, .threads = threads, .counters = counters}), expected);
  }
}

TEST(WordPairs, AnIdBeyondTheVocabularyIsNamed) {
  try {
    word_pairs({{2}, {2, 9}}, {.words = 4});
    FAIL();
  } catch (const DataError& problem) {
    EXPECT_THAT(problem.what(), testing::AllOf(HasSubstr("text 1"), HasSubstr("id 9"), HasSubstr("4 words")));
  }
}

// Pictures {0, 1}, {0, 1, 1}, {0}, {2}: n = 3, 2, 1; c_01 = c_10 = 2. P_01 = 2/3, P_10 = 1. With t = .7 only B_10 = 1.
//   gamma = .2: column sums 1, 0, 0; A = .8 I but A_10 = .2 / 1.000001
//   row sums .8, .9999998, .8;  G_ij = A_ji / sqrt(r_i r_j): G_00 = 1, G_11 = .8 / r_1, G_22 = 1, G_01 = A_10 / sqrt(r_0 r_1), G_10 = 0
TEST(ClassGraph, FollowsTheHandWorkedExample) {
  const std::vector<double> graph = class_graph({{0, 1}, {1, 0, 1}, {0}, {2}}, {.classes = 3, .threshold = 0.7, .gamma = 0.2});
  const double joined = 0.2 / 1.000001, row = 0.8 + joined;
  const std::vector<double> expected = {1, joined / std::sqrt(0.8 * row), 0, 0, 0.8 / row, 0, 0, 0, 1};
  ASSERT_EQ(graph.size(), 9U);
  for (size_t i = 0; i < 9; ++i) EXPECT_NEAR(graph[i], expected[i], 1e-12) << i;
  // At t = .6 both directions are joined.
  const std::vector<double> both = class_graph({{0, 1}, {1, 0, 1}, {0}, {2}}, {.classes = 3, .threshold = 0.6, .gamma = 0.2});
  EXPECT_GT(both[3], 0);
  EXPECT_DOUBLE_EQ(both[1], both[3]);
}

TEST(ClassGraph, AClassThatIsNotThereIsNamed) {
  try {
    class_graph({{0}, {1, 4}}, {.classes = 3});
    FAIL();
  } catch (const DataError& problem) {
    EXPECT_THAT(problem.what(), testing::AllOf(HasSubstr("picture 1"), HasSubstr("class 4"), HasSubstr("there are 3")));
  }
}

}  // namespace
}  // namespace infig
