// Uncertainty of a score: percentile bootstrap over posts, for one model and for the difference of two (Efron & Tibshirani 1993, chapters
// 13 and 16), and McNemar's exact test. Replicate r draws from the stream (seed, "bootstrap", r), so that the thread count changes nothing.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "metrics/classification.h"

namespace infig {

struct BootstrapOptions {
  int64_t replicates = 2000;  // >= 100
  double level = 0.95;        // share of replicates between an interval's ends, in (0, 1)
  uint64_t seed = 1;
  int64_t threads = 1;    // >= 1
  void validate() const;  // throws ConfigError
};

struct ScoreIntervals {
  Interval accuracy, f1_macro, f1_weighted, mcc, ece;
  Interval precision_macro, precision_weighted, recall_macro, recall_weighted;
  struct OfClass {
    Interval precision, recall, f1;
  };
  std::vector<OfClass> classes;  // replicates without a post or prediction of the class count with 0, as the scores do
};

// Intervals of what score_classification(probabilities, labels, classes) returns; throws as that does.
ScoreIntervals bootstrap_scores(std::span<const double> probabilities, std::span<const int64_t> labels, int64_t classes,
                                const BootstrapOptions& options);

struct McNemar {
  int64_t only_first = 0;   // posts that the first model alone has right
  int64_t only_second = 0;  // posts that the second model alone has right
  double p_value = 1;       // two-sided, exact: min(1, 2 P(X <= min(only_first, only_second))), X ~ Binomial(sum, 1/2)
};

// Predictions of two models for the same posts. Throws ShapeError for no posts or other lengths.
McNemar mcnemar_exact(std::span<const int64_t> labels, std::span<const int64_t> first, std::span<const int64_t> second);

// A score of the second side minus that of the first; each is the mean over the side's runs.
struct ScoreDifference {
  double first = 0, second = 0, difference = 0;
  Interval interval;   // of the difference
  double p_value = 1;  // min(1, 2 (1 + min(replicates <= 0, replicates >= 0)) / (1 + replicates))
};

struct PairedDifferences {
  ScoreDifference accuracy, f1_macro, f1_weighted, mcc;
};

// first, second: each run's predictions [N] for the same posts, one run or more a side. A replicate draws the posts once for both
// sides and, on a side of several runs, as many runs with replacement, so that the interval holds the spread over seeds too.
// Throws ShapeError for a side without runs, no posts, other lengths, a label or prediction outside 0..classes-1.
PairedDifferences paired_bootstrap(std::span<const int64_t> labels, const std::vector<std::vector<int64_t>>& first,
                                   const std::vector<std::vector<int64_t>>& second, int64_t classes, const BootstrapOptions& options);

}  // namespace infig
