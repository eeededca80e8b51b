// Whether a model is shown to be better than what needs no model: the one sentence that the screen, the report and the model card share.
#pragma once

#include <string>

#include "evaluation/reports.h"

namespace infig {

enum class Stand { kBetter, kNotShown, kWorse };

struct Verdict {
  Stand against_majority = Stand::kNotShown;  // always answering the largest class
  Stand against_best = Stand::kNotShown;      // the best reference
  std::string best = {};                      // its name: "TF-IDF", or the largest class
  double best_accuracy = 0;
  bool anchors = false;       // whether simple models are among the references
  std::string sentence = {};  // plain text, one or two sentences
};

// A reference is beaten where the 95 % Wilson interval of the accuracy lies above its accuracy, and wins where it lies below; fewer than
// six posts show nothing. References: always answering the split's largest class, and the anchors.
Verdict verdict_of(const EvaluationResult& result);

// The label that most posts of the split have; of several the first.
const std::string& largest_class(const EvaluationResult& result);

// One sentence without its full stop: which interval is which.
extern const char* const kIntervalMethods;

}  // namespace infig
