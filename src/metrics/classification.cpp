#include "metrics/classification.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/error.h"
#include "metrics/calibration_bins.h"

namespace infig {
namespace {

// Probabilities that were summed in float may end a little outside [0, 1].
constexpr double kTolerance = 1e-5;

double ratio(int64_t part, int64_t whole) { return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole); }

void score_classes(ClassificationScores& scores) {
  const size_t classes = scores.confusion.size();
  ClassScores macro, weighted;
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
    const auto support = static_cast<double>(one.support);
    macro.precision += one.precision;
    macro.recall += one.recall;
    macro.f1 += one.f1;
    weighted.precision += one.precision * support;
    weighted.recall += one.recall * support;
    weighted.f1 += one.f1 * support;
    occurring += predicted + one.support > 0 ? 1 : 0;
  }
  const auto of_classes = static_cast<double>(occurring), of_posts = static_cast<double>(scores.count);
  scores.precision_macro = macro.precision / of_classes;
  scores.recall_macro = macro.recall / of_classes;
  scores.f1_macro = macro.f1 / of_classes;
  scores.precision_weighted = weighted.precision / of_posts;
  scores.recall_weighted = weighted.recall / of_posts;
  scores.f1_weighted = weighted.f1 / of_posts;
}

// R_K = (c s - sum_k p_k t_k) / sqrt((s^2 - sum_k p_k^2) (s^2 - sum_k t_k^2)), c hits of s posts, class k true t_k and predicted p_k times.
double matthews(const ClassificationScores& scores, int64_t hits) {
  const double s = static_cast<double>(scores.count);
  double both = 0, predicted = 0, truth = 0;
  for (size_t k = 0; k < scores.confusion.size(); ++k) {
    const auto t = static_cast<double>(scores.classes[k].support);
    double p = 0;
    for (const auto& row : scores.confusion) p += static_cast<double>(row[k]);
    both += p * t;
    predicted += p * p;
    truth += t * t;
  }
  const double spread = (s * s - predicted) * (s * s - truth);
  return spread > 0 ? (static_cast<double>(hits) * s - both) / std::sqrt(spread) : 0.0;
}

}  // namespace

void check_scored(std::span<const double> probabilities, std::span<const int64_t> labels, int64_t classes) {
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

ClassificationScores score_confusion(std::vector<std::vector<int64_t>> confusion) {
  ClassificationScores scores;
  scores.confusion = std::move(confusion);
  int64_t hits = 0;
  for (size_t truth = 0; truth < scores.confusion.size(); ++truth) {
    const auto& row = scores.confusion[truth];
    if (row.size() != scores.confusion.size()) {
      throw ShapeError(
          fmt::format("scores: row {} of the confusion matrix has {} entries, expected {}", truth, row.size(), scores.confusion.size()));
    }
    for (const int64_t count : row) {
      if (count < 0) throw ShapeError(fmt::format("scores: row {} of the confusion matrix holds {}, expected counts", truth, count));
      scores.count += count;
    }
    hits += row[truth];
  }
  if (scores.count == 0) throw ShapeError("scores: no posts, expected at least one; is the split empty?");
  scores.accuracy = ratio(hits, scores.count);
  score_classes(scores);
  scores.mcc = matthews(scores, hits);
  return scores;
}

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
  check_scored(probabilities, labels, classes);
  const size_t width = static_cast<size_t>(classes);
  std::vector<std::vector<int64_t>> confusion(width, std::vector<int64_t>(width, 0));
  CalibrationBins bins;
  int64_t hits = 0;
  for (size_t i = 0; i < labels.size(); ++i) {
    const std::span<const double> row = probabilities.subspan(i * width, width);
    const auto top = std::max_element(row.begin(), row.end());  // the first largest
    const size_t prediction = static_cast<size_t>(top - row.begin());
    const size_t truth = static_cast<size_t>(labels[i]);
    ++confusion[truth][prediction];
    hits += prediction == truth ? 1 : 0;
    bins.add(*top, prediction == truth);
  }
  ClassificationScores scores = score_confusion(std::move(confusion));
  scores.ece = bins.error(scores.count);
  const Interval interval = wilson_interval(hits, scores.count);
  scores.accuracy_low = interval.low;
  scores.accuracy_high = interval.high;
  return scores;
}

}  // namespace infig
