#include "metrics/summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>

#include "core/error.h"

namespace infig {

double student_cdf(double t, int64_t freedom) {
  if (freedom < 1) throw ShapeError(fmt::format("Student's t: {} degrees of freedom, expected at least 1", freedom));
  if (std::isnan(t)) throw ShapeError("Student's t: t is not a number");
  return boost::math::cdf(boost::math::students_t(static_cast<double>(freedom)), t);
}

double student_quantile(double level, int64_t freedom) {
  if (!(level > 0 && level < 1)) throw ShapeError(fmt::format("Student's t: level {}, expected between 0 and 1", level));
  if (freedom < 1) throw ShapeError(fmt::format("Student's t: {} degrees of freedom, expected at least 1", freedom));
  const boost::math::students_t distribution(static_cast<double>(freedom));
  return boost::math::quantile(boost::math::complement(distribution, (1 - level) / 2));
}

Summary summarize(const std::vector<double>& values, const Interval& possible, double level) {
  if (values.empty()) throw ShapeError("summary: no values");
  Summary summary{.count = static_cast<int64_t>(values.size()), .values = values};
  const auto n = static_cast<double>(values.size());
  for (const double value : values) {
    if (!std::isfinite(value)) throw ShapeError(fmt::format("summary: {} is not finite", value));
    summary.mean += value / n;
  }
  if (values.size() == 1) return summary;
  double squares = 0;
  for (const double value : values) squares += (value - summary.mean) * (value - summary.mean);
  summary.deviation = std::sqrt(squares / (n - 1));
  if (values.size() == 2) return summary;
  const double half = student_quantile(level, summary.count - 1) * summary.deviation / std::sqrt(n);
  summary.interval = Interval{.low = std::max(possible.low, summary.mean - half), .high = std::min(possible.high, summary.mean + half)};
  return summary;
}

}  // namespace infig
