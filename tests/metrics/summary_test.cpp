#include "metrics/summary.h"

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

constexpr Interval kAnything{.low = -1e9, .high = 1e9};

TEST(Summary, ByHand) {
  const Summary three = summarize({.70, .74, .72}, kAnything);
  EXPECT_EQ(three.count, 3);
  EXPECT_NEAR(three.mean, .72, 1e-12);
  EXPECT_NEAR(three.deviation, .02, 1e-12);
  ASSERT_TRUE(three.interval.has_value());
  EXPECT_NEAR(three.interval->high - .72, 4.302653 * .02 / std::sqrt(3.0), 1e-7);
  EXPECT_NEAR(.72 - three.interval->low, three.interval->high - .72, 1e-12);
  const Summary one = summarize({.7}, kAnything);
  EXPECT_EQ(one.deviation, 0);
  EXPECT_FALSE(one.interval.has_value());
  EXPECT_THROW(summarize({}, kAnything), ShapeError);
  EXPECT_THROW(summarize({.7, std::numeric_limits<double>::quiet_NaN()}, kAnything), ShapeError);
}

// Student's interval of .1, .5, .9 reaches from -.49 to 1.49; of two values from -1.86 to 2.76 and the like.
TEST(Summary, StaysInsideWhatIsPossible) {
  const Summary wide = summarize({.1, .5, .9}, {.low = 0, .high = 1});
  EXPECT_EQ(wide.interval->low, 0);
  EXPECT_EQ(wide.interval->high, 1);
  EXPECT_EQ(summarize({-.1, .5, .9}, {.low = -1, .high = 1}).interval->high, 1);
  const Summary two = summarize({.2727, .6364}, {.low = 0, .high = 1});
  EXPECT_FALSE(two.interval.has_value());
  EXPECT_EQ(two.values, (std::vector<double>{.2727, .6364}));
  EXPECT_NEAR(two.deviation, (.6364 - .2727) / std::sqrt(2.0), 1e-12);
}

}  // namespace
}  // namespace infig
