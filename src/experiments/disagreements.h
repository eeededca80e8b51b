// Posts on which two models of an experiment answer differently.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/post.h"
#include "evaluation/shown_posts.h"
#include "experiments/experiment.h"

namespace infig {

struct Disagreements {
  std::string first, second;                  // titles of the models
  std::vector<std::string> labels;            // in id order
  int64_t posts = 0, differ = 0;              // posts of the split with a label; those with two answers
  int64_t first_right = 0, second_right = 0;  // of those that differ
  std::vector<ShownPost> shown = {};          // the first model's answers, the second's beside them
};

// The reference against the other variant of the best mean accuracy, by the first seed of each: at most `most` posts, those first of which
// both models are surest. Without two such variants `first` is empty.
Disagreements find_disagreements(const ExperimentScores& scores, const DataSet& data, size_t most = 12);

// The numbers and a gallery of the posts, as HTML; empty where there are none.
std::string disagreements_html(const Disagreements& found);

}  // namespace infig
