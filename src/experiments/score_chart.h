// Scores of an experiment's variants as inline SVG, in the style of report.html's charts.
#pragma once

#include <string>

#include "experiments/experiment.h"

namespace infig {

// <figure>: the variants from left to right in their order; of each the mean accuracy and weighted F1 as larger points, joined by lines
// (F1 dashed) where `joined`; its 95 % interval as a bar where there are three seeds or more; every seed as a small point. Variants without
// a run are left out; an empty string where none has one.
std::string score_chart(const ExperimentScores& scores, const std::string& title, bool joined);

}  // namespace infig
