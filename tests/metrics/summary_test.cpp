#include "metrics/summary.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"

namespace infig {
namespace {

// The tables of the t distribution, two-sided 95 % (and 99 %), as printed in textbooks.
TEST(Student, QuantilesAsTabulated) {
  const struct {
    int64_t freedom;
    double t95, t99;
  } rows[] = {{1, 12.706, 63.657}, {2, 4.303, 9.925},  {3, 3.182, 5.841},  {4, 2.776, 4.604},  {5, 2.571, 4.032},
              {9, 2.262, 3.250},   {10, 2.228, 3.169}, {29, 2.045, 2.756}, {30, 2.042, 2.750}, {120, 1.980, 2.617}};
  for (const auto& row : rows) {
    EXPECT_NEAR(student_quantile(.95, row.freedom), row.t95, 5.1e-4) << row.freedom;
    EXPECT_NEAR(student_quantile(.99, row.freedom), row.t99, 5.1e-4) << row.freedom;
  }
  EXPECT_NEAR(student_cdf(0, 7), .5, 1e-15);
  EXPECT_NEAR(student_cdf(-1, 1), .25, 1e-12);  // Cauchy
  EXPECT_NEAR(student_cdf(1, 2), .5 + 1 / (2 * std::sqrt(3.0)), 1e-12);
  EXPECT_THROW(student_cdf(1, 0), ShapeError);
  EXPECT_THROW(student_cdf(std::numeric_limits<double>::quiet_NaN(), 3), ShapeError);
  EXPECT_THROW(student_quantile(1, 3), ShapeError);
  EXPECT_THROW(student_quantile(0, 3), ShapeError);
  EXPECT_THROW(student_quantile(std::numeric_limits<double>::quiet_NaN(), 3), ShapeError);
  EXPECT_THROW(student_quantile(.95, 0), ShapeError);
}

TEST(Student, EqualsScipys) {
  const auto cases = nlohmann::json::parse(read_file(std::filesystem::path(INFIG_SOURCE_DIR) / "tests/golden/metrics/student.json"));
  ASSERT_EQ(cases.size(), 48U);
  for (const auto& one : cases) {
    const int64_t freedom = one["freedom"];
    const double cdf = one["cdf"], quantile = one["quantile"];
    EXPECT_NEAR(student_cdf(one["t"], freedom) / cdf, 1, 1e-11) << one;  // relative: down to 4e-304
    EXPECT_NEAR(student_quantile(one["level"], freedom) / quantile, 1, 1e-11) << one;
  }
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(student_cdf(-infinity, 3), 0);
  EXPECT_EQ(student_cdf(infinity, 3), 1);
}

TEST(Summary, ByHand) {
  const Summary three = summarize({.70, .74, .72});
  EXPECT_EQ(three.count, 3);
  EXPECT_NEAR(three.mean, .72, 1e-12);
  EXPECT_NEAR(three.deviation, .02, 1e-12);
  EXPECT_NEAR(three.interval.high - .72, 4.302653 * .02 / std::sqrt(3.0), 1e-7);
  EXPECT_NEAR(.72 - three.interval.low, three.interval.high - .72, 1e-12);
  const Summary one = summarize({.7});
  EXPECT_EQ(one.deviation, 0);
  EXPECT_EQ(one.interval.low, .7);
  EXPECT_THROW(summarize({}), ShapeError);
  EXPECT_THROW(summarize({.7, std::numeric_limits<double>::quiet_NaN()}), ShapeError);
}

}  // namespace
}  // namespace infig
