#include "metrics/classification.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "core/error.h"

namespace infig {
namespace {

// Probabilities that were summed in float may end a little outside [0, 1].
constexpr double kTolerance = 1e-5;

void check_input(std::span<const double> probabilities, std::span<const int64_t> labels, int64_t classes) {
  if (labels.empty()) throw ShapeError("scores: no posts, expected at least one; is the split empty?");
  if (classes < 1) throw ShapeError(fmt::format("scores: {} classes, expected at least one", classes));
  if (probabilities.size() / labels.size() != static_cast<uint64_t>(classes) || probabilities.size() % labels.size() != 0) {
    throw ShapeError(fmt::format("scores: {} probabilities for {} labels, expected labels x classes = {} x {}", probabilities.size(),
                                 labels.size(), labels.size(), classes));
  }
  for (size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] < 0 || labels[i] >= classes) {
      throw ShapeError(fmt::format("scores: row {}: label {}, expected 0..{}", i, labels[i], classes - 1));
    }
  }
  for (size_t i = 0; i < probabilities.size(); ++i) {
    const double value = probabilities[i];
    if (std::isfinite(value) && value >= -kTolerance && value <= 1 + kTolerance) continue;
    throw ShapeError(
        fmt::format("scores: row {}, class {}: probability {}, expected a finite number in [0, 1] (logits need a softmax first)",
                    i / static_cast<uint64_t>(classes), i % static_cast<uint64_t>(classes), value));
  }
}

double ratio(int64_t part, int64_t whole) { return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole); }

void score_classes(ClassificationScores& scores) {
  const size_t classes = scores.confusion.size();
  double macro = 0, weighted = 0;
  int64_t occurring = 0;
  scores.classes.resize(classes);
  for (size_t c = 0; c < classes; ++c) {
    int64_t predicted = 0;
    ClassScores& one = scores.classes[c];
    for (size_t other = 0; other < classes; ++other) {
      one.support += scores.confusion[c][other];
      predicted += scores.confusion[other][c];
    }
    const int64_t hits = scores.confusion[c][c];
    one.precision = ratio(hits, predicted);
    one.recall = ratio(hits, one.support);
    one.f1 = ratio(2 * hits, predicted + one.support);
    macro += one.f1;
    weighted += one.f1 * static_cast<double>(one.support);
    occurring += predicted + one.support > 0 ? 1 : 0;
  }
  scores.f1_macro = macro / static_cast<double>(occurring);
  scores.f1_weighted = weighted / static_cast<double>(scores.count);
}

// Reliability of the top probability: what a bin claims on average against how often it is right.
class CalibrationBins {
 public:
  void add(double confidence, bool right) {
    size_t bin = 0;
    while (bin + 1 < kBins && confidence > static_cast<double>(bin + 1) / kBins) ++bin;
    confidence_[bin] += confidence;
    right_[bin] += right ? 1.0 : 0.0;
  }
  // |sum right - sum confidence| of a bin is its count times the gap, so the counts cancel.
  double error(int64_t count) const {
    double total = 0;
    for (size_t bin = 0; bin < kBins; ++bin) total += std::abs(right_[bin] - confidence_[bin]);
    return total / static_cast<double>(count);
  }

 private:
  static constexpr size_t kBins = 15;
  std::array<double, kBins> confidence_{}, right_{};
};

}  // namespace

Interval wilson_interval(int64_t hits, int64_t count) {
  if (count < 1 || hits < 0 || hits > count) {
    throw ShapeError(fmt::format("Wilson interval: {} of {}, expected 0 <= hits <= count and count >= 1", hits, count));
  }
  constexpr double z = 1.959963984540054;  // 97.5 % quantile of the normal distribution
  const double n = static_cast<double>(count);
  const double share = static_cast<double>(hits) / n;
  const double scale = 1 + z * z / n;
  const double center = (share + z * z / (2 * n)) / scale;
  const double half = z / scale * std::sqrt(share * (1 - share) / n + z * z / (4 * n * n));
  // The ends are exactly 0 and 1 there; the sum is so only up to rounding.
  return {.low = hits == 0 ? 0.0 : std::max(0.0, center - half), .high = hits == count ? 1.0 : std::min(1.0, center + half)};
}

ClassificationScores score_classification(std::span<const double> probabilities, std::span<const int64_t> labels, int64_t classes) {
  check_input(probabilities, labels, classes);
  const size_t width = static_cast<size_t>(classes);
  ClassificationScores scores;
  scores.count = static_cast<int64_t>(labels.size());
  scores.confusion.assign(width, std::vector<int64_t>(width, 0));
  CalibrationBins bins;
  int64_t hits = 0;
  for (size_t i = 0; i < labels.size(); ++i) {
    const std::span<const double> row = probabilities.subspan(i * width, width);
    const auto top = std::max_element(row.begin(), row.end());  // the first largest
    const size_t prediction = static_cast<size_t>(top - row.begin());
    const size_t truth = static_cast<size_t>(labels[i]);
    ++scores.confusion[truth][prediction];
    hits += prediction == truth ? 1 : 0;
    bins.add(*top, prediction == truth);
  }
  scores.accuracy = ratio(hits, scores.count);
  score_classes(scores);
  scores.ece = bins.error(scores.count);
  const Interval interval = wilson_interval(hits, scores.count);
  scores.accuracy_low = interval.low;
  scores.accuracy_high = interval.high;
  return scores;
}

}  // namespace infig
