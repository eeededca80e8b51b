#include "metrics/calibration.h"

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

TEST(Temperature, EqualsScipysMinimum) {
  const auto cases = nlohmann::json::parse(read_file(std::filesystem::path(INFIG_SOURCE_DIR) / "tests/golden/metrics/classification.json"));
  ASSERT_GE(cases.size(), 9U);
  for (const auto& one : cases) {
    const int64_t classes = one["classes"];
    if (classes == 1) continue;  // every temperature is as good
    const double found =
        fit_temperature(one["probabilities"].get<std::vector<double>>(), one["labels"].get<std::vector<int64_t>>(), classes);
    // Where every answer is right, colder is always better; SciPy's search stops where it no longer sees it.
    const double expected = one["accuracy"] == 1.0 ? .05 : one["temperature"].get<double>();
    EXPECT_NEAR(found, expected, 1e-5 * expected) << one["labels"].size() << " posts, " << classes << " classes";
  }
}

// Right in 3 of 4 posts at odds of 9 to 1: log 9 / T = log 3.
TEST(Temperature, ByHand) {
  const std::vector<double> probabilities = {.9, .1, .9, .1, .9, .1, .9, .1};
  const double temperature = fit_temperature(probabilities, std::vector<int64_t>{0, 0, 1, 0}, 2);
  EXPECT_NEAR(temperature, std::log(9.0) / std::log(3.0), 1e-9);
  const auto scaled = apply_temperature(probabilities, 2, temperature);
  ASSERT_EQ(scaled.size(), probabilities.size());
  EXPECT_NEAR(scaled[0], .75, 1e-9);
  EXPECT_NEAR(scaled[1], .25, 1e-9);
}

TEST(Temperature, KeepsZerosAndTheOrderOfClasses) {
  const auto scaled = apply_temperature(std::vector<double>{.6, .4, 0, 1, 0, 0}, 3, 3.0);
  ASSERT_EQ(scaled.size(), 6U);
  EXPECT_EQ(scaled[2], 0.0);
  EXPECT_EQ(scaled[3], 1.0);
  EXPECT_GT(scaled[0], scaled[1]);
  EXPECT_NEAR(scaled[0] / scaled[1], std::cbrt(1.5), 1e-12);
  EXPECT_NEAR(scaled[0] + scaled[1], 1, 1e-12);
  EXPECT_THROW(apply_temperature(std::vector<double>{1, 0}, 2, 0.0), ShapeError);
  EXPECT_THROW(apply_temperature(std::vector<double>{1, 0}, 2, std::nan("")), ShapeError);
  EXPECT_THROW(apply_temperature(std::vector<double>{1, 0, 0}, 2, 1.0), ShapeError);
  EXPECT_THROW(fit_temperature({}, {}, 2), ShapeError);
}

// Four posts, most confident first: right (.9), wrong (.8), right (.7) and wrong (.7): the two of .7 come together.
TEST(RiskCoverage, ByHand) {
  const std::vector<double> probabilities = {.7, .3, .2, .8, .9, .1, .7, .3};
  const std::vector<int64_t> labels = {0, 0, 0, 1};
  const auto points = risk_coverage(probabilities, labels, 2);
  ASSERT_EQ(points.size(), 3U);
  EXPECT_NEAR(points[0].coverage, .25, 1e-12);
  EXPECT_NEAR(points[0].risk, 0, 1e-12);
  EXPECT_NEAR(points[0].confidence, .9, 1e-12);
  EXPECT_NEAR(points[1].coverage, .5, 1e-12);
  EXPECT_NEAR(points[1].risk, .5, 1e-12);
  EXPECT_NEAR(points[2].coverage, 1, 1e-12);
  EXPECT_NEAR(points[2].risk, .5, 1e-12);
  EXPECT_NEAR(risk_coverage_area(probabilities, labels, 2), (0 + .5 + .5 + .5) / 4, 1e-12);
  EXPECT_THROW(risk_coverage({}, {}, 2), ShapeError);
}

}  // namespace
}  // namespace infig
