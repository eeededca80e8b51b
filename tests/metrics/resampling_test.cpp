#include "metrics/resampling.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <vector>

#include "core/error.h"
#include "core/files.h"
#include "core/random.h"

namespace infig {
namespace {

using Runs = std::vector<std::vector<int64_t>>;

// labels 0..classes-1, each predicted rightly with the given chance.
std::vector<int64_t> predictions(const std::vector<int64_t>& labels, double right, int64_t classes, uint64_t seed) {
  RandomStream stream(seed, "test");
  std::vector<int64_t> out;
  for (const int64_t label : labels) out.push_back(stream.chance(right) ? label : (label + 1) % classes);
  return out;
}

std::vector<int64_t> some_labels(int64_t count, int64_t classes) {
  std::vector<int64_t> labels;
  for (int64_t i = 0; i < count; ++i) labels.push_back(i * 7 % 11 % classes);
  return labels;
}

TEST(McNemar, EqualsScipysBinomialTest) {
  const auto cases = nlohmann::json::parse(read_file(std::filesystem::path(INFIG_SOURCE_DIR) / "tests/golden/metrics/mcnemar.json"));
  ASSERT_EQ(cases.size(), 11U);
  for (const auto& one : cases) {
    const int64_t first = one["only_first"], second = one["only_second"];
    std::vector<int64_t> labels(static_cast<size_t>(first + second + 2), 1), a = labels, b = labels;  // two posts that both have right
    for (int64_t i = 0; i < first; ++i) b[static_cast<size_t>(i)] = 0;
    for (int64_t i = first; i < first + second; ++i) a[static_cast<size_t>(i)] = 0;
    const McNemar test = mcnemar_exact(labels, a, b);
    EXPECT_EQ(test.only_first, first);
    EXPECT_EQ(test.only_second, second);
    EXPECT_NEAR(test.p_value / one["p_value"].get<double>(), 1, 1e-10) << first << " " << second;  // relative: down to 2e-301
    EXPECT_LE(test.p_value, 1);
  }
  EXPECT_THROW(mcnemar_exact({}, {}, {}), ShapeError);
  EXPECT_THROW(mcnemar_exact(std::vector<int64_t>{1}, std::vector<int64_t>{1, 0}, std::vector<int64_t>{1}), ShapeError);
}

// Accuracy of resampled posts is binomial: the interval is that of the normal distribution up to the draw.
TEST(Bootstrap, AccuracysIntervalIsTheBinomialOne) {
  std::vector<double> probabilities;
  std::vector<int64_t> labels(400, 0);
  for (int i = 0; i < 400; ++i) probabilities.insert(probabilities.end(), {i % 4 == 0 ? .3 : .8, i % 4 == 0 ? .7 : .2});
  const ScoreIntervals found = bootstrap_scores(probabilities, labels, 2, {.replicates = 5000, .seed = 3});
  const double half = 1.96 * std::sqrt(.75 * .25 / 400);
  EXPECT_NEAR(found.accuracy.low, .75 - half, .004);
  EXPECT_NEAR(found.accuracy.high, .75 + half, .004);
  ASSERT_EQ(found.classes.size(), 2U);
  EXPECT_EQ(found.classes[1].recall.high, 0.0);  // class 1 is never true
  EXPECT_EQ(found.classes[0].precision.low, 1.0);
}

TEST(Bootstrap, EveryScoreLiesInItsIntervalAndThreadsChangeNothing) {
  const auto labels = some_labels(300, 3);
  RandomStream stream(5, "test");
  std::vector<double> probabilities;
  for (const int64_t label : labels) {
    std::vector<double> row = {.2 + stream.uniform(), .2 + stream.uniform(), .2 + stream.uniform()};
    row[static_cast<size_t>(label)] += .6;
    const double sum = row[0] + row[1] + row[2];
    for (const double p : row) probabilities.push_back(p / sum);
  }
  const ClassificationScores scores = score_classification(probabilities, labels, 3);
  const ScoreIntervals one = bootstrap_scores(probabilities, labels, 3, {.replicates = 400});
  const ScoreIntervals two = bootstrap_scores(probabilities, labels, 3, {.replicates = 400, .threads = 3});
  const auto check = [](double value, const Interval& interval, const Interval& same, const char* what) {
    EXPECT_LT(interval.low, value) << what;
    EXPECT_GT(interval.high, value) << what;
    EXPECT_LT(interval.high - interval.low, .2) << what;
    EXPECT_EQ(interval.low, same.low) << what;
    EXPECT_EQ(interval.high, same.high) << what;
  };
  check(scores.accuracy, one.accuracy, two.accuracy, "accuracy");
  check(scores.f1_macro, one.f1_macro, two.f1_macro, "macro F1");
  check(scores.f1_weighted, one.f1_weighted, two.f1_weighted, "weighted F1");
  check(scores.mcc, one.mcc, two.mcc, "MCC");
  check(scores.precision_macro, one.precision_macro, two.precision_macro, "macro precision");
  check(scores.precision_weighted, one.precision_weighted, two.precision_weighted, "weighted precision");
  check(scores.recall_macro, one.recall_macro, two.recall_macro, "macro recall");
  check(scores.recall_weighted, one.recall_weighted, two.recall_weighted, "weighted recall");
  for (size_t c = 0; c < 3; ++c) check(scores.classes[c].f1, one.classes[c].f1, two.classes[c].f1, "F1 of a class");
  const ScoreIntervals other = bootstrap_scores(probabilities, labels, 3, {.replicates = 400, .seed = 2});
  EXPECT_NE(one.f1_macro.low, other.f1_macro.low);
  EXPECT_THROW(bootstrap_scores(probabilities, labels, 3, {.replicates = 10}), ConfigError);
  EXPECT_THROW(bootstrap_scores(probabilities, labels, 3, {.level = 1}), ConfigError);
  EXPECT_THROW(bootstrap_scores(probabilities, labels, 2, {}), ShapeError);
}

// Accuracy as a plain loop over the same draws, quantiles by position.
TEST(PairedBootstrap, EqualsAPlainLoop) {
  const auto labels = some_labels(120, 3);
  const Runs first = {predictions(labels, .6, 3, 1), predictions(labels, .65, 3, 2)};
  const Runs second = {predictions(labels, .7, 3, 3)};
  const BootstrapOptions options{.replicates = 201, .level = .9, .seed = 11, .threads = 2};
  const PairedDifferences found = paired_bootstrap(labels, first, second, 3, options);
  const auto hits = [&](const std::vector<int64_t>& run, const std::vector<uint64_t>& posts) {
    double sum = 0;
    for (const uint64_t post : posts) sum += run[post] == labels[post] ? 1 : 0;
    return sum / static_cast<double>(posts.size());
  };
  std::vector<uint64_t> every;
  for (uint64_t i = 0; i < labels.size(); ++i) every.push_back(i);
  std::vector<double> differences;
  for (uint64_t r = 0; r < 201; ++r) {
    RandomStream stream(11, "bootstrap", r);
    std::vector<uint64_t> posts;
    for (size_t i = 0; i < labels.size(); ++i) posts.push_back(stream.below(labels.size()));
    const uint64_t run_a = stream.below(2), run_b = stream.below(2);
    stream.below(1);
    differences.push_back(hits(second[0], posts) - (hits(first[run_a], posts) + hits(first[run_b], posts)) / 2);
  }
  std::sort(differences.begin(), differences.end());
  EXPECT_NEAR(found.accuracy.first, (hits(first[0], every) + hits(first[1], every)) / 2, 1e-12);
  EXPECT_NEAR(found.accuracy.second, hits(second[0], every), 1e-12);
  EXPECT_NEAR(found.accuracy.interval.low, differences[10], 1e-12);  // .05 * 200
  EXPECT_NEAR(found.accuracy.interval.high, differences[190], 1e-12);
  const auto below = std::count_if(differences.begin(), differences.end(), [](double d) { return d <= 0; });
  EXPECT_NEAR(found.accuracy.p_value, std::min(1.0, 2.0 * (1.0 + static_cast<double>(below)) / 202), 1e-12);
}

TEST(PairedBootstrap, SeesWhatIsThereAndNothingElse) {
  const auto labels = some_labels(500, 3);
  const Runs weak = {predictions(labels, .6, 3, 1)}, strong = {predictions(labels, .8, 3, 2)}, same = {predictions(labels, .6, 3, 9)};
  const PairedDifferences clear = paired_bootstrap(labels, weak, strong, 3, {});
  EXPECT_GT(clear.accuracy.interval.low, 0);
  EXPECT_LT(clear.accuracy.p_value, .01);
  EXPECT_GT(clear.f1_macro.interval.low, 0);
  EXPECT_GT(clear.mcc.difference, 0);
  const PairedDifferences none = paired_bootstrap(labels, weak, same, 3, {});
  EXPECT_LT(none.accuracy.interval.low, 0);
  EXPECT_GT(none.accuracy.interval.high, 0);
  const PairedDifferences self = paired_bootstrap(labels, weak, weak, 3, {});
  EXPECT_EQ(self.f1_weighted.interval.low, 0.0);
  EXPECT_EQ(self.f1_weighted.interval.high, 0.0);
  EXPECT_EQ(self.f1_weighted.p_value, 1.0);
  EXPECT_THROW(paired_bootstrap(labels, {}, strong, 3, {}), ShapeError);
  EXPECT_THROW(paired_bootstrap(labels, {{1, 2}}, strong, 3, {}), ShapeError);
  EXPECT_THROW(paired_bootstrap(labels, weak, strong, 2, {}), ShapeError);
}

}  // namespace
}  // namespace infig
