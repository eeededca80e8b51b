// Chart of the scores of an experiment's variants, as inline SVG in the style of report.html.
#pragma once

#include <string>

#include "experiments/experiment.h"

namespace infig {

// Returns a <figure> with the variants from left to right. For each: mean accuracy and weighted F1 as large points, joined by lines (F1
// dashed) if `joined`; their 95 % intervals as bars if there are three or more seeds; every seed as a small point. Variants without a run
// are left out; returns an empty string if none has one.
std::string score_chart(const ExperimentScores& scores, const std::string& title, bool joined);

}  // namespace infig
