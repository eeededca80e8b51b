#include "experiments/reproduce_lines.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/progress.h"
#include "experiments/tables.h"

namespace infig {
namespace {

// A model's cost and marks, as a row of the second table.
std::vector<std::string> cost_row(const VariantScores& variant, const RunCost& cost) {
  const auto rate = [](double value) { return value > 0 ? fmt::format("{:.3g}", value) : std::string("-"); };
  const std::string marks = marks_cell(variant);
  return {variant.variant.title,
          variant.against_first ? compared_cell(variant.against_first) : "-",
          cost.parameters > 0 ? fmt::format("{:.3g}", static_cast<double>(cost.parameters) / 1e6) : "-",
          cost.train_seconds > 0 ? format_duration(cost.train_seconds) : "-",
          rate(cost.train_rate),
          rate(cost.predict_rate),
          marks.empty() ? "none" : marks};
}

std::vector<PaperLine> paper_lines(const std::vector<PaperRow>& rows, size_t place, const ExperimentScores* scores, const char* absent) {
  std::vector<PaperLine> lines;
  for (const PaperRow& row : rows) {
    if (!row.scores[place]) continue;
    PaperLine line{.model = row.model, .paper = row.scores[place], .ours = nullptr, .instead = "-"};
    if (scores != nullptr) {
      const auto found =
          std::find_if(scores->variants.begin(), scores->variants.end(), [&](const auto& one) { return one.variant.name == row.variant; });
      if (found == scores->variants.end()) line.instead = absent;
      if (found != scores->variants.end() && !found->seeds.empty()) line.ours = &*found;
    }
    lines.push_back(std::move(line));
  }
  return lines;
}

// Figure 3's first point is the model of Table 2, whose scores are printed; those of the other points are not.
std::vector<PaperLine> layer_lines(size_t place, const ExperimentScores* scores) {
  std::vector<PaperLine> lines;
  if (scores == nullptr) return lines;
  for (const VariantScores& one : scores->variants) {
    PaperLine line{.model = one.variant.title, .paper = std::nullopt, .ours = one.seeds.empty() ? nullptr : &one, .instead = "-"};
    if (one.variant.axes.front().second == "1") line.paper = paper_table2().back().scores[place];
    lines.push_back(std::move(line));
  }
  return lines;
}

}  // namespace

Figure figure_of(const PaperLine& line, bool f1, bool macro) {
  Figure figure;
  if (line.paper) figure.paper = f1 ? line.paper->f1 : line.paper->accuracy;
  if (line.ours == nullptr) return figure;
  figure.ours = !f1 ? line.ours->accuracy : macro ? line.ours->f1_macro : line.ours->f1_weighted;
  figure.interval = figure.ours.interval;
  if (figure.ours.count == 1 && line.ours->seeds.front().intervals) {
    const ScoreIntervals& posts = *line.ours->seeds.front().intervals;
    figure.interval = !f1 ? posts.accuracy : macro ? posts.f1_macro : posts.f1_weighted;
  }
  return figure;
}

std::vector<PaperLine> lines_of(PaperPart part, size_t place, const ExperimentScores* scores) {
  if (part == PaperPart::kFigure3) return layer_lines(place, scores);
  return part == PaperPart::kTable2 ? paper_lines(paper_table2(), place, scores, "not run")
                                    : paper_lines(paper_table3(), place, scores, "not in this preset");
}

const RunCost* cost_of(const ReproducedSet& one, const VariantScores& variant) {
  const auto found = one.costs.find(variant.variant.name);
  return found == one.costs.end() ? nullptr : &found->second;
}

const RunCost* cost_of(const ReproducedSet& one, const PaperLine& line) {
  return line.ours == nullptr ? nullptr : cost_of(one, *line.ours);
}

TextTable cost_table(const ReproducedSet& one) {
  if (one.scores.variants.empty()) return {};
  TextTable table = {{"model", fmt::format("accuracy less that of {}", one.scores.variants.at(one.scores.reference).variant.title),
                      "million parameters", "one training", "posts/s in training", "posts/s in prediction", "marks"}};
  for (const VariantScores& variant : one.scores.variants) {
    if (const RunCost* cost = cost_of(one, variant)) table.push_back(cost_row(variant, *cost));
  }
  return table;
}

const char* reproduction_title(PaperPart part) {
  return part == PaperPart::kTable2   ? "Table 2 of the paper and ours"
         : part == PaperPart::kTable3 ? "Table 3 of the paper and ours"
                                      : "Figure 3 of the paper and ours";
}

}  // namespace infig
