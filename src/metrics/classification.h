// Classification scores, as scikit-learn defines them (F1 of a class never predicted and never true is 0).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace infig {

struct ClassScores {
  double precision = 0;  // 0 where nothing was predicted
  double recall = 0;     // 0 where nothing is true
  double f1 = 0;
  int64_t support = 0;  // posts whose truth is this class
};

struct ClassificationScores {
  int64_t count = 0;
  double accuracy = 0;                                 // micro
  double f1_macro = 0;                                 // plain mean over classes that occur in truth or prediction
  double f1_weighted = 0;                              // mean over classes weighted by support
  double precision_macro = 0, recall_macro = 0;        // means as f1_macro is one
  double precision_weighted = 0, recall_weighted = 0;  // means as f1_weighted is one; recall_weighted equals accuracy
  double mcc = 0;  // Matthews correlation for C classes (Gorodkin 2004), 0 where all truths or all predictions are one class
  double ece = 0;  // expected calibration error: sum over 15 bins ((b-1)/15, b/15] of the top probability, the first one with 0,
                   // of |bin's accuracy - bin's mean top probability| * bin's share of posts (Guo et al. 2017)
  double accuracy_low = 0, accuracy_high = 0;  // 95 % Wilson interval of accuracy
  std::vector<ClassScores> classes;
  std::vector<std::vector<int64_t>> confusion;  // [truth][prediction]
};

struct Interval {
  double low = 0, high = 0;
};

// 95 % Wilson score interval of hits / count, without continuity correction. Throws ShapeError unless 0 <= hits <= count, count >= 1.
Interval wilson_interval(int64_t hits, int64_t count);

// Every score that a confusion matrix [truth][prediction] alone determines: all but ece and the interval. Throws ShapeError where it is
// not square, holds a negative count or no post.
ClassificationScores score_confusion(std::vector<std::vector<int64_t>> confusion);

// Throws ShapeError as score_classification does.
void check_scored(std::span<const double> probabilities, std::span<const int64_t> labels, int64_t classes);

// probabilities: row-major [N, C]; labels: [N], each 0..C-1. The prediction is the first largest probability.
// Throws ShapeError for N = 0, sizes that disagree, a label out of range, a probability that is not finite or not in [0, 1]
// (up to 1e-5, for sums in float).
ClassificationScores score_classification(std::span<const double> probabilities, std::span<const int64_t> labels, int64_t classes);

}  // namespace infig
