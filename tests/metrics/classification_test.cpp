#include "metrics/classification.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <vector>

#include "core/error.h"
#include "core/files.h"

namespace infig {
namespace {

using Json = nlohmann::json;

// Expected calibration error as the formula reads: bin by bin over all posts.
double naive_ece(const std::vector<double>& probabilities, const std::vector<int64_t>& labels, size_t classes) {
  double error = 0;
  for (int b = 1; b <= 15; ++b) {
    double count = 0, right = 0, confidence = 0;
    for (size_t i = 0; i < labels.size(); ++i) {
      size_t top = 0;
      for (size_t c = 1; c < classes; ++c) top = probabilities[i * classes + c] > probabilities[i * classes + top] ? c : top;
      const double p = probabilities[i * classes + top];
      if (p > b / 15.0 || (p <= (b - 1) / 15.0 && !(b == 1 && p == 0))) continue;
      count += 1;
      confidence += p;
      right += labels[i] == static_cast<int64_t>(top) ? 1 : 0;
    }
    if (count > 0) error += count / static_cast<double>(labels.size()) * std::abs(right / count - confidence / count);
  }
  return error;
}

TEST(Classification, EqualsScikitLearn) {
  const Json cases = Json::parse(read_file(std::filesystem::path(INFIG_SOURCE_DIR) / "tests/golden/metrics/classification.json"));
  ASSERT_GE(cases.size(), 9U);
  for (const Json& one : cases) {
    const auto probabilities = one["probabilities"].get<std::vector<double>>();
    const auto labels = one["labels"].get<std::vector<int64_t>>();
    const int64_t classes = one["classes"];
    ASSERT_FALSE(labels.empty());
    const ClassificationScores scores = score_classification(probabilities, labels, classes);
    EXPECT_EQ(scores.count, static_cast<int64_t>(labels.size()));
    EXPECT_NEAR(scores.accuracy, one["accuracy"].get<double>(), 1e-12);
    EXPECT_NEAR(scores.f1_macro, one["f1_macro"].get<double>(), 1e-12);
    EXPECT_NEAR(scores.f1_weighted, one["f1_weighted"].get<double>(), 1e-12);
    EXPECT_NEAR(scores.precision_macro, one["precision_macro"].get<double>(), 1e-12);
    EXPECT_NEAR(scores.precision_weighted, one["precision_weighted"].get<double>(), 1e-12);
    EXPECT_NEAR(scores.recall_macro, one["recall_macro"].get<double>(), 1e-12);
    EXPECT_NEAR(scores.recall_weighted, one["recall_weighted"].get<double>(), 1e-12);
    EXPECT_NEAR(scores.mcc, one["mcc"].get<double>(), 1e-12);
    EXPECT_EQ(scores.confusion, one["confusion"].get<std::vector<std::vector<int64_t>>>());
    ASSERT_EQ(scores.classes.size(), static_cast<size_t>(classes));
    for (size_t c = 0; c < scores.classes.size(); ++c) {
      EXPECT_NEAR(scores.classes[c].precision, one["precision"][c].get<double>(), 1e-12);
      EXPECT_NEAR(scores.classes[c].recall, one["recall"][c].get<double>(), 1e-12);
      EXPECT_NEAR(scores.classes[c].f1, one["f1"][c].get<double>(), 1e-12);
      EXPECT_EQ(scores.classes[c].support, one["support"][c].get<int64_t>());
    }
    EXPECT_NEAR(scores.ece, naive_ece(probabilities, labels, static_cast<size_t>(classes)), 1e-12);
  }
}

// Four posts by hand. Bins of width 1/15: .9 right and .92 wrong share (.8667, .9333]: |1/2 - .91| * 2/4 = .205; .6 right lies on an edge
// and belongs to (.5333, .6]: .4 / 4 = .1; .55 wrong is in the same bin, so together: |1/2 - .575| * 2/4 = .0375. Sum .2425.
TEST(Classification, CalibrationErrorByHand) {
  const std::vector<double> probabilities = {.9, .1, .08, .92, .6, .4, .45, .55};
  const std::vector<int64_t> labels = {0, 0, 0, 0};
  EXPECT_NEAR(score_classification(probabilities, labels, 2).ece, .2425, 1e-12);
}

TEST(Classification, CalibrationErrorOnTheEdgesOfBins) {
  std::vector<double> probabilities;
  std::vector<int64_t> labels;
  for (int k = 8; k <= 15; ++k) {
    for (const double p : {k / 15.0, std::min(1.0, k / 15.0 + 1e-9)}) {
      probabilities.insert(probabilities.end(), {p, 1 - p});
      labels.push_back(k % 2);
    }
  }
  EXPECT_NEAR(score_classification(probabilities, labels, 2).ece, naive_ece(probabilities, labels, 2), 1e-12);
}

TEST(Classification, TakesTheFirstOfEqualProbabilities) {
  const std::vector<double> probabilities = {.5, .5, .4, .4};
  const std::vector<int64_t> labels = {0, 1};
  const ClassificationScores scores = score_classification(probabilities, labels, 2);
  EXPECT_EQ(scores.confusion, (std::vector<std::vector<int64_t>>{{1, 0}, {1, 0}}));
}

// Table I of Newcombe (1998), method 3, to the digits printed there.
TEST(Classification, WilsonIntervalAsPublished) {
  const struct {
    int64_t hits, count;
    double low, high;
  } rows[] = {{81, 263, .2553, .3662}, {15, 148, .0624, .1605}, {0, 20, .0, .1611}, {1, 29, .0061, .1718}};
  for (const auto& row : rows) {
    const Interval interval = wilson_interval(row.hits, row.count);
    EXPECT_NEAR(interval.low, row.low, 5.1e-5) << row.hits;
    EXPECT_NEAR(interval.high, row.high, 5.1e-5) << row.hits;
  }
  EXPECT_EQ(wilson_interval(20, 20).high, 1.0);
  EXPECT_NEAR(wilson_interval(20, 20).low, 1 - .1611, 5.1e-5);
  EXPECT_THROW(wilson_interval(1, 0), ShapeError);
  EXPECT_THROW(wilson_interval(3, 2), ShapeError);
  EXPECT_THROW(wilson_interval(-1, 2), ShapeError);
  const ClassificationScores scores = score_classification(std::vector<double>{1, 0, 0, 1}, std::vector<int64_t>{0, 0}, 2);
  EXPECT_EQ(scores.accuracy_low, wilson_interval(1, 2).low);
  EXPECT_EQ(scores.accuracy_high, wilson_interval(1, 2).high);
}

TEST(Classification, AConfusionMatrixAloneGivesTheSameScores) {
  const ClassificationScores scores = score_confusion({{3, 1}, {0, 2}});  // MCC by hand: (3*2 - 1*0) / sqrt(3*4*2*3)
  EXPECT_NEAR(scores.accuracy, 5 / 6.0, 1e-12);
  EXPECT_NEAR(scores.mcc, 6 / std::sqrt(72.0), 1e-12);
  EXPECT_NEAR(scores.classes[0].f1, 6 / 7.0, 1e-12);
  EXPECT_THROW(score_confusion({{3, 1}, {0}}), ShapeError);
  EXPECT_THROW(score_confusion({{3, -1}, {0, 1}}), ShapeError);
  EXPECT_THROW(score_confusion({{0, 0}, {0, 0}}), ShapeError);
  EXPECT_THROW(score_confusion({}), ShapeError);
}

TEST(Classification, RefusesWhatIsNoProbabilityTable) {
  const std::vector<double> good = {.5, .5, .2, .8};
  const std::vector<int64_t> labels = {0, 1};
  EXPECT_NO_THROW(score_classification(good, labels, 2));
  EXPECT_THROW(score_classification({}, {}, 2), ShapeError);
  EXPECT_THROW(score_classification(good, labels, 3), ShapeError);
  EXPECT_THROW(score_classification(good, labels, 0), ShapeError);
  EXPECT_THROW(score_classification(good, labels, -2), ShapeError);
  EXPECT_THROW(score_classification(std::vector<double>{.5, .5, .2}, labels, 2), ShapeError);
  EXPECT_THROW(score_classification(good, std::vector<int64_t>{0, 2}, 2), ShapeError);
  EXPECT_THROW(score_classification(good, std::vector<int64_t>{-1, 1}, 2), ShapeError);
  for (const double bad : {std::nan(""), std::numeric_limits<double>::infinity(), 3.0, -.5}) {
    EXPECT_THROW(score_classification(std::vector<double>{.5, .5, .2, bad}, labels, 2), ShapeError) << bad;
  }
}

}  // namespace
}  // namespace infig
