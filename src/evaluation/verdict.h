// Whether a model is significantly better than simple references, in one sentence that the screen, the report and the model card share.
#pragma once

#include <string>

#include "evaluation/reports.h"

namespace infig {

enum class Stand { kBetter, kNotShown, kWorse };

struct Verdict {
  Stand against_majority = Stand::kNotShown;  // always answering the largest class
  Stand against_best = Stand::kNotShown;      // the reference with the best accuracy
  std::string best = {};                      // name of that reference: "the anchor TF-IDF", or the largest class
  double best_accuracy = 0;
  bool anchors = false;       // whether there are anchors among the references
  std::string sentence = {};  // plain text
};

// The model is better than a reference if its 95 % Wilson interval of accuracy lies above the reference's accuracy, and worse if it lies
// below: the interval is the model's alone, and a reference is a fixed figure, since of anchors no predictions are kept that could be
// paired; fewer than six posts show nothing, and the sentence says so. References: always answering the split's largest class, and the
// anchors.
Verdict verdict_of(const EvaluationResult& result);

// The most frequent label of the split; the first one on ties.
const std::string& largest_class(const EvaluationResult& result);

// States which kind of interval each metric has: a sentence without its full stop.
extern const char* const kIntervalMethods;
// Why a score has no interval, where a dash stands for it: a sentence without its full stop.
extern const char* const kNoSpread;

}  // namespace infig
