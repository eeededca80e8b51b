// A score over several seeds: mean, standard deviation and confidence interval of the mean.
#pragma once

#include <cstdint>
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
  double deviation = 0;    // of the sample (n - 1); 0 for one value
  Interval interval = {};  // of the mean: mean -+ t deviation / sqrt(n); the mean itself for a single value, whose spread is unknown
};

// Throws ShapeError for no values or one that is not finite.
Summary summarize(const std::vector<double>& values, double level = 0.95);

}  // namespace infig
