#include "metrics/resampling.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/math/distributions/binomial.hpp>

#include "core/error.h"
#include "core/parallel.h"
#include "core/random.h"
#include "metrics/calibration_bins.h"

namespace infig {
namespace {

// The p-quantile, linear between order statistics (Hyndman & Fan 1996, type 7), of sorted values.
double quantile(const std::vector<double>& sorted, double p) {
  const double place = p * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(place);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (place - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

Interval interval_of(std::vector<double> values, double level) {
  std::sort(values.begin(), values.end());
  return {.low = quantile(values, (1 - level) / 2), .high = quantile(values, (1 + level) / 2)};
}

// values[k][r]: statistic k of replicate r. `replicate` fills one replicate's statistics from its own stream.
template <typename Replicate>
std::vector<std::vector<double>> resample(size_t statistics, const BootstrapOptions& options, Replicate&& replicate) {
  std::vector<std::vector<double>> values(statistics, std::vector<double>(static_cast<size_t>(options.replicates)));
  parallel_for(options.replicates, options.threads, [&](int64_t r) {
    RandomStream stream(options.seed, "bootstrap", static_cast<uint64_t>(r));
    const std::vector<double> one = replicate(stream);
    for (size_t k = 0; k < statistics; ++k) values[k][static_cast<size_t>(r)] = one[k];
  });
  return values;
}

std::vector<std::vector<int64_t>> empty_confusion(size_t classes) {
  return std::vector<std::vector<int64_t>>(classes, std::vector<int64_t>(classes, 0));
}

void check_classes(std::span<const int64_t> values, size_t count, int64_t classes, const char* what) {
  if (values.size() != count) throw ShapeError(fmt::format("bootstrap: {} {}, expected {}", values.size(), what, count));
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i] < 0 || values[i] >= classes)
      throw ShapeError(fmt::format("bootstrap: {}, row {}: {}, expected 0..{}", what, i, values[i], classes - 1));
  }
}

constexpr size_t kScores = 4;  // accuracy, macro F1, weighted F1, MCC

// Mean scores of the drawn runs over the drawn posts.
std::vector<double> mean_scores(std::span<const int64_t> labels, const std::vector<std::vector<int64_t>>& runs,
                                std::span<const size_t> drawn_runs, std::span<const size_t> drawn_posts, int64_t classes) {
  std::vector<double> mean(kScores, 0.0);
  for (const size_t run : drawn_runs) {
    auto confusion = empty_confusion(static_cast<size_t>(classes));
    for (const size_t post : drawn_posts) ++confusion[static_cast<size_t>(labels[post])][static_cast<size_t>(runs[run][post])];
    const ClassificationScores scores = score_confusion(std::move(confusion));
    const double values[kScores] = {scores.accuracy, scores.f1_macro, scores.f1_weighted, scores.mcc};
    for (size_t k = 0; k < kScores; ++k) mean[k] += values[k] / static_cast<double>(drawn_runs.size());
  }
  return mean;
}

std::vector<size_t> all_of(size_t count) {
  std::vector<size_t> places(count);
  for (size_t i = 0; i < count; ++i) places[i] = i;
  return places;
}

std::vector<size_t> draw_of(size_t count, RandomStream& stream) {
  std::vector<size_t> places(count);
  for (size_t& place : places) place = static_cast<size_t>(stream.below(count));
  return places;
}

ScoreDifference summarize(double first, double second, const std::vector<double>& replicates, double level) {
  int64_t not_above = 0, not_below = 0;
  for (const double value : replicates) {
    not_above += value <= 0 ? 1 : 0;
    not_below += value >= 0 ? 1 : 0;
  }
  const double share = static_cast<double>(1 + std::min(not_above, not_below)) / static_cast<double>(1 + replicates.size());
  return {.first = first,
          .second = second,
          .difference = second - first,
          .interval = interval_of(replicates, level),
          .p_value = std::min(1.0, 2 * share)};
}

}  // namespace

void BootstrapOptions::validate() const {
  if (replicates < 100) throw ConfigError(fmt::format("bootstrap replicates: {}, expected at least 100", replicates));
  if (!(level > 0 && level < 1)) throw ConfigError(fmt::format("bootstrap level: {}, expected between 0 and 1", level));
  if (threads < 1) throw ConfigError(fmt::format("bootstrap threads: {}, expected at least 1", threads));
}

ScoreIntervals bootstrap_scores(std::span<const double> probabilities, std::span<const int64_t> labels, int64_t classes,
                                const BootstrapOptions& options) {
  options.validate();
  check_scored(probabilities, labels, classes);
  const auto width = static_cast<size_t>(classes);
  struct Answer {
    size_t truth, prediction, bin;
    double confidence;
  };
  std::vector<Answer> answers;
  for (size_t i = 0; i < labels.size(); ++i) {
    const auto row = probabilities.subspan(i * width, width);
    const auto top = std::max_element(row.begin(), row.end());
    answers.push_back({static_cast<size_t>(labels[i]), static_cast<size_t>(top - row.begin()), CalibrationBins::bin_of(*top), *top});
  }
  constexpr size_t kOverall = 9;
  const auto values = resample(kOverall + 3 * width, options, [&](RandomStream& stream) {
    auto confusion = empty_confusion(width);
    CalibrationBins bins;
    for (size_t i = 0; i < answers.size(); ++i) {
      const Answer& answer = answers[static_cast<size_t>(stream.below(answers.size()))];
      ++confusion[answer.truth][answer.prediction];
      bins.add(answer.bin, answer.confidence, answer.truth == answer.prediction);
    }
    const ClassificationScores scores = score_confusion(std::move(confusion));
    std::vector<double> all = {scores.accuracy,          scores.f1_macro,        scores.f1_weighted,        scores.mcc,
                               bins.error(scores.count), scores.precision_macro, scores.precision_weighted, scores.recall_macro,
                               scores.recall_weighted};
    for (const ClassScores& one : scores.classes) all.insert(all.end(), {one.precision, one.recall, one.f1});
    return all;
  });
  const auto interval = [&](size_t k) { return interval_of(values[k], options.level); };
  ScoreIntervals intervals{.accuracy = interval(0),
                           .f1_macro = interval(1),
                           .f1_weighted = interval(2),
                           .mcc = interval(3),
                           .ece = interval(4),
                           .precision_macro = interval(5),
                           .precision_weighted = interval(6),
                           .recall_macro = interval(7),
                           .recall_weighted = interval(8),
                           .classes = {}};
  for (size_t c = 0; c < width; ++c)
    intervals.classes.push_back(
        {.precision = interval(kOverall + 3 * c), .recall = interval(kOverall + 1 + 3 * c), .f1 = interval(kOverall + 2 + 3 * c)});
  return intervals;
}

McNemar mcnemar_exact(std::span<const int64_t> labels, std::span<const int64_t> first, std::span<const int64_t> second) {
  if (labels.empty() || first.size() != labels.size() || second.size() != labels.size()) {
    throw ShapeError(fmt::format("McNemar: {} labels, {} and {} predictions; expected as many of each, and at least one", labels.size(),
                                 first.size(), second.size()));
  }
  McNemar test;
  for (size_t i = 0; i < labels.size(); ++i) {
    const bool one = first[i] == labels[i], other = second[i] == labels[i];
    test.only_first += one && !other ? 1 : 0;
    test.only_second += other && !one ? 1 : 0;
  }
  const int64_t differing = test.only_first + test.only_second;
  if (differing == 0) return test;
  const boost::math::binomial_distribution<double> fair(static_cast<double>(differing), .5);
  test.p_value = std::min(1.0, 2 * boost::math::cdf(fair, static_cast<double>(std::min(test.only_first, test.only_second))));
  return test;
}

PairedDifferences paired_bootstrap(std::span<const int64_t> labels, const std::vector<std::vector<int64_t>>& first,
                                   const std::vector<std::vector<int64_t>>& second, int64_t classes, const BootstrapOptions& options) {
  options.validate();
  if (labels.empty() || first.empty() || second.empty()) {
    throw ShapeError(
        fmt::format("bootstrap: {} posts, {} and {} runs; expected at least one of each", labels.size(), first.size(), second.size()));
  }
  check_classes(labels, labels.size(), classes, "labels");
  for (const auto* side : {&first, &second}) {
    for (const auto& run : *side) check_classes(run, labels.size(), classes, "predictions");
  }
  const auto posts = all_of(labels.size());
  const std::vector<double> a = mean_scores(labels, first, all_of(first.size()), posts, classes);
  const std::vector<double> b = mean_scores(labels, second, all_of(second.size()), posts, classes);
  const auto values = resample(kScores, options, [&](RandomStream& stream) {
    const auto drawn = draw_of(labels.size(), stream);
    const auto first_runs = draw_of(first.size(), stream);
    const auto second_runs = draw_of(second.size(), stream);
    std::vector<double> difference = mean_scores(labels, second, second_runs, drawn, classes);
    const std::vector<double> other = mean_scores(labels, first, first_runs, drawn, classes);
    for (size_t k = 0; k < kScores; ++k) difference[k] -= other[k];
    return difference;
  });
  const auto summary = [&](size_t k) { return summarize(a[k], b[k], values[k], options.level); };
  return {.accuracy = summary(0), .f1_macro = summary(1), .f1_weighted = summary(2), .mcc = summary(3)};
}

}  // namespace infig
