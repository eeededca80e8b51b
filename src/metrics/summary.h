// A score over several seeds: mean, standard deviation and confidence interval of the mean.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "metrics/classification.h"

namespace infig {

// P(T <= t) of Student's t with `freedom` >= 1 degrees of freedom. Throws ShapeError for fewer, and for a t that is NaN.
double student_cdf(double t, int64_t freedom);

// The t with P(|T| <= t) = level. Throws ShapeError unless 0 < level < 1 and freedom >= 1.
double student_quantile(double level, int64_t freedom);

struct Summary {
  int64_t count = 0;
  double mean = 0;
  double deviation = 0;             // of the sample (n - 1); 0 for one value
  std::vector<double> values = {};  // as they were given
  // Of the mean: mean -+ t deviation / sqrt(n), cut to what is possible. Nothing below three values: of one the spread is unknown, and two
  // say so little that the interval (t = 12.7) holds everything.
  std::optional<Interval> interval = {};
};

// `possible`: least and largest value that the score can have. Throws ShapeError for no values or one that is not finite.
Summary summarize(const std::vector<double>& values, const Interval& possible, double level = 0.95);

}  // namespace infig
