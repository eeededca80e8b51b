#include "data/deal.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <stdexcept>

#include "scratch.h"

namespace infig {
namespace {

using ::testing::ElementsAre;

TEST(Deal, ApportionByLargestRemainder) {
  // 10 * {3, 3, 1} / 7 = 4.28, 4.28, 1.43: the last has the largest remainder.
  EXPECT_THAT(apportion(10, std::vector<int64_t>{3, 3, 1}), ElementsAre(4, 4, 2));
  EXPECT_THAT(apportion(1, std::vector<int64_t>{1, 1, 1}), ElementsAre(1, 0, 0));  // ties: the earlier
  EXPECT_THAT(apportion(0, std::vector<int64_t>{0, 0}), ElementsAre(0, 0));
  EXPECT_THAT(apportion(100, std::vector<int64_t>{156204, 19525, 19536}), ElementsAre(80, 10, 10));
  EXPECT_THAT(apportion(195265, std::vector<int64_t>{156204, 19525, 19536}), ElementsAre(156204, 19525, 19536));
  EXPECT_THROW(apportion(1, std::vector<int64_t>{0, 0}), std::invalid_argument);
}

TEST(Deal, ApportionWithLeastShares) {
  // The first wants 6 of 10 where its share is 5: it gets them, the others divide 4.
  EXPECT_THAT(apportion(10, std::vector<int64_t>{5, 3, 2}, std::vector<int64_t>{6, 0, 0}), ElementsAre(6, 2, 2));
  // That lifts the second above its own share of what is left.
  EXPECT_THAT(apportion(10, std::vector<int64_t>{5, 3, 2}, std::vector<int64_t>{6, 3, 0}), ElementsAre(6, 3, 1));
  EXPECT_THAT(apportion(10, std::vector<int64_t>{5, 3, 2}, std::vector<int64_t>{1, 1, 1}), ElementsAre(5, 3, 2));
  EXPECT_THROW(apportion(10, std::vector<int64_t>{5, 5}, std::vector<int64_t>{6, 6}), std::invalid_argument);
}

TEST(Deal, QuotasKeepClassesAndBins) {
  const std::vector<int64_t> classes{14554, 32283, 18109, 20264, 50267, 34511, 25277};
  const std::vector<int64_t> bins{156204, 19525, 19536};
  const Quotas quotas = stratified_quotas(classes, bins);
  for (size_t b = 0; b < bins.size(); ++b) EXPECT_EQ(std::accumulate(quotas[b].begin(), quotas[b].end(), int64_t{0}), bins[b]);
  for (size_t c = 0; c < classes.size(); ++c) {
    EXPECT_EQ(quotas[0][c] + quotas[1][c] + quotas[2][c], classes[c]);
    for (size_t b = 0; b < bins.size(); ++b)
      EXPECT_NEAR(static_cast<double>(quotas[b][c]), static_cast<double>(classes[c]) * static_cast<double>(bins[b]) / 195265.0, 1.5);
  }
  // Five folds of a class with three posts: no fold gets two, none less than nothing.
  const Quotas folds = stratified_quotas(std::vector<int64_t>{3, 97}, std::vector<int64_t>{20, 20, 20, 20, 20});
  int64_t threes = 0;
  for (const auto& fold : folds) {
    EXPECT_GE(fold[0], 0);
    EXPECT_LE(fold[0], 1);
    threes += fold[0];
  }
  EXPECT_EQ(threes, 3);
  EXPECT_THAT(ten_percent_quotas(std::vector<int64_t>{105, 5, 2}),
              ElementsAre(ElementsAre(85, 3, 2), ElementsAre(10, 1, 0), ElementsAre(10, 1, 0)));
}

TEST(Deal, FillsTheQuotasBySeed) {
  std::vector<int32_t> labels(1000);
  for (size_t i = 0; i < labels.size(); ++i) labels[i] = i % 5 == 0 ? 1 : 0;
  const std::vector<int64_t> counts{800, 200};
  const auto bins = deal_posts(labels, {}, ten_percent_quotas(counts), 7);
  std::map<std::pair<int32_t, int32_t>, int64_t> found;
  for (size_t i = 0; i < labels.size(); ++i) ++found[{bins[i], labels[i]}];
  EXPECT_EQ((found[{0, 0}]), 640);
  EXPECT_EQ((found[{1, 0}]), 80);
  EXPECT_EQ((found[{2, 1}]), 20);
  EXPECT_EQ(bins, deal_posts(labels, {}, ten_percent_quotas(counts), 7));
  EXPECT_NE(bins, deal_posts(labels, {}, ten_percent_quotas(counts), 8));
}

TEST(Deal, GroupsStayTogetherAndTheQuotasStillHold) {
  // 1,000 posts of two classes: 100 groups of 2 to 5 posts with mixed labels, the rest single.
  std::vector<int32_t> labels;
  std::vector<uint64_t> groups;
  uint64_t number = 1;
  for (int g = 0; g < 100; ++g) {
    for (int n = 0; n < 2 + g % 4; ++n) {
      labels.push_back((g + n) % 3 == 0 ? 1 : 0);
      groups.push_back(number);
    }
    number += 7919;
  }
  while (labels.size() < 1000) {
    labels.push_back(labels.size() % 3 == 0 ? 1 : 0);
    groups.push_back(number++);
  }
  std::vector<int64_t> counts(2, 0);
  for (const int32_t label : labels) ++counts[static_cast<size_t>(label)];
  const Quotas quotas = ten_percent_quotas(counts);
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    const auto bins = deal_posts(labels, groups, quotas, seed);
    std::map<uint64_t, std::set<int32_t>> bins_of_group;
    Quotas found(3, std::vector<int64_t>(2, 0));
    std::set<int32_t> with_groups;
    for (size_t i = 0; i < labels.size(); ++i) {
      bins_of_group[groups[i]].insert(bins[i]);
      ++found[static_cast<size_t>(bins[i])][static_cast<size_t>(labels[i])];
      if (i < 350) with_groups.insert(bins[i]);
    }
    for (const auto& [group, in] : bins_of_group) EXPECT_EQ(in.size(), 1U) << group;
    EXPECT_EQ(found, quotas);
    EXPECT_EQ(with_groups.size(), 3U);  // groups are not all pushed into train
  }
  EXPECT_NE(deal_posts(labels, groups, quotas, 1), deal_posts(labels, groups, quotas, 2));
}

TEST(Deal, AGroupTooLargeForAnyBinGoesToTheRoomiest) {
  std::vector<int32_t> labels(20, 0);
  std::vector<uint64_t> groups(20, 5);
  for (size_t i = 17; i < 20; ++i) groups[i] = 100 + i;
  const auto bins = deal_posts(labels, groups, ten_percent_quotas(std::vector<int64_t>{20}), 1);
  for (size_t i = 0; i < 17; ++i) EXPECT_EQ(bins[i], 0);
  EXPECT_EQ(std::count(bins.begin(), bins.end(), 1), 2);  // dev and test take what single posts there are
  EXPECT_EQ(std::count(bins.begin(), bins.end(), 2), 1);
}

}  // namespace
}  // namespace infig
