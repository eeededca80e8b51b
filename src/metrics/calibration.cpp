#include "metrics/calibration.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "metrics/classification.h"

namespace infig {
namespace {

constexpr double kLowest = 0.05, kHighest = 20;
constexpr double kSmallest = 1e-12;  // probabilities below are read as this: one 0 at the truth would make every temperature equally bad

// d/d beta of the mean of log sum_c exp(beta z_c) - beta z_label, z = log p: the mean of E[z] - z_label.
double slope(std::span<const double> logs, std::span<const int64_t> labels, size_t classes, double beta) {
  double sum = 0;
  for (size_t i = 0; i < labels.size(); ++i) {
    const std::span<const double> row = logs.subspan(i * classes, classes);
    const double top = *std::max_element(row.begin(), row.end());
    double total = 0, mean = 0;
    for (const double z : row) {
      const double weight = std::exp(beta * (z - top));
      total += weight;
      mean += weight * z;
    }
    sum += mean / total - row[static_cast<size_t>(labels[i])];
  }
  return sum / static_cast<double>(labels.size());
}

struct Answer {
  double confidence;
  bool right;
};

// The most confident first.
std::vector<Answer> answers(std::span<const double> probabilities, std::span<const int64_t> labels, int64_t classes) {
  check_scored(probabilities, labels, classes);
  std::vector<Answer> all;
  all.reserve(labels.size());
  const auto width = static_cast<size_t>(classes);
  for (size_t i = 0; i < labels.size(); ++i) {
    const std::span<const double> row = probabilities.subspan(i * width, width);
    const auto top = std::max_element(row.begin(), row.end());
    all.push_back({*top, top - row.begin() == labels[i]});
  }
  std::stable_sort(all.begin(), all.end(), [](const Answer& a, const Answer& b) { return a.confidence > b.confidence; });
  return all;
}

}  // namespace

double fit_temperature(std::span<const double> probabilities, std::span<const int64_t> labels, int64_t classes) {
  check_scored(probabilities, labels, classes);
  std::vector<double> logs;
  logs.reserve(probabilities.size());
  for (const double p : probabilities) logs.push_back(std::log(std::max(p, kSmallest)));
  const auto width = static_cast<size_t>(classes);
  double low = 1 / kHighest, high = 1 / kLowest;
  if (slope(logs, labels, width, low) >= 0) return kHighest;
  if (slope(logs, labels, width, high) <= 0) return kLowest;
  for (int step = 0; step < 60; ++step) {
    const double middle = (low + high) / 2;
    (slope(logs, labels, width, middle) < 0 ? low : high) = middle;
  }
  return 2 / (low + high);
}

std::vector<double> apply_temperature(std::span<const double> probabilities, int64_t classes, double temperature) {
  if (!(temperature > 0) || !std::isfinite(temperature)) throw ShapeError(fmt::format("temperature: {}, expected above 0", temperature));
  if (classes < 1 || probabilities.size() % static_cast<size_t>(classes) != 0) {
    throw ShapeError(fmt::format("temperature: {} probabilities do not fit {} classes", probabilities.size(), classes));
  }
  std::vector<double> scaled(probabilities.size());
  const auto width = static_cast<size_t>(classes);
  for (size_t begin = 0; begin < scaled.size(); begin += width) {
    const std::span<const double> row = probabilities.subspan(begin, width);
    const double top = *std::max_element(row.begin(), row.end());
    double sum = 0;
    for (size_t c = 0; c < width; ++c) sum += scaled[begin + c] = row[c] > 0 ? std::pow(row[c] / top, 1 / temperature) : 0.0;
    for (size_t c = 0; c < width; ++c) scaled[begin + c] /= sum;
  }
  return scaled;
}

std::vector<RiskPoint> risk_coverage(std::span<const double> probabilities, std::span<const int64_t> labels, int64_t classes) {
  const std::vector<Answer> all = answers(probabilities, labels, classes);
  std::vector<RiskPoint> points;
  int64_t wrong = 0;
  for (size_t i = 0; i < all.size(); ++i) {
    wrong += all[i].right ? 0 : 1;
    if (i + 1 < all.size() && all[i + 1].confidence == all[i].confidence) continue;
    const auto answered = static_cast<double>(i + 1);
    points.push_back({.coverage = answered / static_cast<double>(all.size()),
                      .risk = static_cast<double>(wrong) / answered,
                      .confidence = all[i].confidence});
  }
  return points;
}

double risk_coverage_area(std::span<const double> probabilities, std::span<const int64_t> labels, int64_t classes) {
  double area = 0, covered = 0;
  for (const RiskPoint& point : risk_coverage(probabilities, labels, classes)) {
    area += (point.coverage - covered) * point.risk;
    covered = point.coverage;
  }
  return area;
}

}  // namespace infig
