// What the tables of a reproduction have in common: their lines, each with the paper's figures and ours.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "experiments/paper_figures.h"
#include "experiments/reproduce.h"

namespace infig {

// A model of the paper or a variant of ours.
struct PaperLine {
  std::string model;
  std::optional<PaperScore> paper;
  const VariantScores* ours = nullptr;
  std::string instead;  // text in the place of our scores if there are none
};

// One score of a line.
struct Figure {
  double paper = 0;
  Summary ours;
  std::optional<Interval> interval = {};  // of our score: over three or more seeds, or over the posts of a single run
};

// Accuracy, or the F1 that the paper prints for the data set.
Figure figure_of(const PaperLine& line, bool f1, bool macro);

// The lines of one data set's table, in the paper's order; without `scores` the paper's figures alone.
std::vector<PaperLine> lines_of(PaperPart part, size_t place, const ExperimentScores* scores);

// What the variant, or the line's model, cost; null where nothing was measured.
const RunCost* cost_of(const ReproducedSet& one, const VariantScores& variant);
const RunCost* cost_of(const ReproducedSet& one, const PaperLine& line);

using TextTable = std::vector<std::vector<std::string>>;  // the first row is the header

// What each model of Table 2 cost here, and what stood in for something that its paper has; without a row, nothing was measured. Columns:
// model, accuracy less the reference's, million parameters, one training, posts/s in training, posts/s in prediction, marks.
TextTable cost_table(const ReproducedSet& one);

const char* reproduction_title(PaperPart part);

}  // namespace infig
