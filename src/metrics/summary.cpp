#include "metrics/summary.h"

#include <fmt/format.h>

#include <cmath>
#include <numbers>

#include "core/error.h"

namespace infig {

double student_cdf(double t, int64_t freedom) {
  if (freedom < 1) throw ShapeError(fmt::format("Student's t: {} degrees of freedom, expected at least 1", freedom));
  const auto n = static_cast<double>(freedom);
  const double theta = std::atan(t / std::sqrt(n)), cosine = std::cos(theta), square = cosine * cosine;
  // The probability of |T| <= |t|, with the sign of t.
  double central = 0;
  if (freedom % 2 == 1) {
    double term = cosine, sum = freedom > 1 ? cosine : 0;
    for (int64_t k = 3; k <= freedom - 2; k += 2) sum += term *= square * static_cast<double>(k - 1) / static_cast<double>(k);
    central = 2 / std::numbers::pi * (theta + std::sin(theta) * sum);
  } else {
    double term = 1, sum = 1;
    for (int64_t k = 2; k <= freedom - 2; k += 2) sum += term *= square * static_cast<double>(k - 1) / static_cast<double>(k);
    central = std::sin(theta) * sum;
  }
  return (1 + central) / 2;
}

double student_quantile(double level, int64_t freedom) {
  if (!(level > 0 && level < 1)) throw ShapeError(fmt::format("Student's t: level {}, expected between 0 and 1", level));
  double low = 0, high = 1;
  while (2 * student_cdf(high, freedom) - 1 < level) high *= 2;
  for (int step = 0; step < 200; ++step) {
    const double middle = (low + high) / 2;
    (2 * student_cdf(middle, freedom) - 1 < level ? low : high) = middle;
  }
  return (low + high) / 2;
}

Summary summarize(const std::vector<double>& values, double level) {
  if (values.empty()) throw ShapeError("summary: no values");
  Summary summary{.count = static_cast<int64_t>(values.size())};
  const auto n = static_cast<double>(values.size());
  for (const double value : values) {
    if (!std::isfinite(value)) throw ShapeError(fmt::format("summary: {} is not finite", value));
    summary.mean += value / n;
  }
  summary.interval = {summary.mean, summary.mean};
  if (values.size() == 1) return summary;
  double squares = 0;
  for (const double value : values) squares += (value - summary.mean) * (value - summary.mean);
  summary.deviation = std::sqrt(squares / (n - 1));
  const double half = student_quantile(level, summary.count - 1) * summary.deviation / std::sqrt(n);
  summary.interval = {summary.mean - half, summary.mean + half};
  return summary;
}

}  // namespace infig
