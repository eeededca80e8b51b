// A reproduction for programs, spreadsheets and papers: JSON, CSV and LaTeX (reproduce_tables.h).
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "evaluation/predictions.h"
#include "experiments/reproduce_lines.h"
#include "experiments/reproduce_tables.h"
#include "experiments/tables.h"

namespace infig {
namespace {

// Nothing where there is nothing to say: an empty cell is no zero.
std::string number(bool there, double value) { return there ? fmt::format("{:.9g}", value) : std::string(); }

// What stands in a line's rows beside its scores: the paired difference of accuracy from the reference, cost and marks.
std::string csv_rest(const ReproducedSet& one, const PaperLine& line) {
  const bool compared = line.ours != nullptr && line.ours->against_first;
  const ScoreDifference less = compared ? line.ours->against_first->scores.accuracy : ScoreDifference{};
  const RunCost* cost = cost_of(one, line);
  const RunCost known = cost != nullptr ? *cost : RunCost{};
  return fmt::format("{},{},{},{},{},{},{},{}", number(compared, less.difference), number(compared, less.interval.low),
                     number(compared, less.interval.high), number(known.parameters > 0, static_cast<double>(known.parameters)),
                     number(known.train_seconds > 0, known.train_seconds), number(known.train_rate > 0, known.train_rate),
                     number(known.predict_rate > 0, known.predict_rate), csv_field(line.ours != nullptr ? marks_cell(*line.ours) : ""));
}

nlohmann::ordered_json figure_json(const PaperLine& line, const Figure& figure) {
  nlohmann::ordered_json json;
  if (line.paper) json["paper"] = figure.paper;
  if (line.ours != nullptr) {
    json["ours"] = figure.ours.mean;
    json["deviation"] = figure.ours.deviation;
    if (figure.interval) {
      json["low"] = figure.interval->low;
      json["high"] = figure.interval->high;
    }
    json["runs"] = figure.ours.count;
  }
  return json;
}

nlohmann::ordered_json model_json(const ReproducedSet& one, const PaperLine& line, bool macro) {
  nlohmann::ordered_json json{{"model", line.model},
                              {"accuracy", figure_json(line, figure_of(line, false, macro))},
                              {"f1", figure_json(line, figure_of(line, true, macro))}};
  if (line.ours == nullptr) return json;
  if (line.ours->against_first)
    json[one.scores.variants.at(one.scores.reference).variant.name == "full" ? "against_infig" : "against_first"] =
        to_json(*line.ours->against_first);
  const RunCost* cost = cost_of(one, line);
  if (cost == nullptr) return json;
  json["parameters"] = cost->parameters;
  json["train_seconds"] = cost->train_seconds;
  json["train_posts_per_second"] = cost->train_rate;
  json["predict_posts_per_second"] = cost->predict_rate;
  json["marks"] = line.ours->seeds.back().marks;
  return json;
}

std::string score_tabular(const Reproduction& all) {
  std::string text = fmt::format("% {}: paper / ours in percent; preset {}, split {}, seeds {}\n\\begin{{tabular}}{{l",
                                 reproduction_title(all.part), all.preset, all.split, fmt::join(all.seeds, ", "));
  std::string head = "Model";
  std::vector<std::string> models;
  std::vector<std::vector<PaperLine>> columns;
  for (const ReproducedSet& one : all.sets) {
    text += "cc";
    const char* title = paper_data_sets()[one.data_set].title;
    head += fmt::format(" & {0} Acc & {0} F1", title);
    columns.push_back(lines_of(all.part, one.data_set, &one.scores));
    for (const PaperLine& line : columns.back()) {
      if (std::find(models.begin(), models.end(), line.model) == models.end()) models.push_back(line.model);
    }
  }
  text += "}\n\\hline\n" + head + " \\\\\n\\hline\n";
  for (const auto& model : models) {
    text += latex_escape(model);
    for (size_t s = 0; s < columns.size(); ++s) {
      const auto line = std::find_if(columns[s].begin(), columns[s].end(), [&](const PaperLine& one) { return one.model == model; });
      for (const bool f1 : {false, true}) {
        if (line == columns[s].end()) {
          text += " & --";
          continue;
        }
        const Figure figure = figure_of(*line, f1, paper_data_sets()[all.sets[s].data_set].macro);
        const std::string spread = figure.ours.count > 2 ? fmt::format(" $\\pm$ {:.2f}", 100 * figure.ours.deviation) : "";
        text += fmt::format(" & {} / {}", line->paper ? fmt::format("{:.2f}", 100 * figure.paper) : "--",
                            line->ours != nullptr ? fmt::format("{:.2f}{}", 100 * figure.ours.mean, spread) : "--");
      }
    }
    text += " \\\\\n";
  }
  return text + "\\hline\n\\end{tabular}\n";
}

// Cost and marks of one data set's models. Without a model that was measured there is no such table.
std::string cost_tabular(const ReproducedSet& one) {
  const TextTable table = cost_table(one);
  if (table.size() < 2) return "";
  std::string text =
      fmt::format("\n% {}: differences of accuracy are paired, with 95 % intervals\n\\begin{{tabular}}{{llrrrrl}}\n\\hline\n",
                  paper_data_sets()[one.data_set].title);
  for (size_t r = 0; r < table.size(); ++r) {
    for (size_t c = 0; c < table[r].size(); ++c) {
      const std::string& cell = table[r][c];
      text += fmt::format("{}{}", c == 0 ? "" : " & ", cell == "-" ? "--" : latex_escape(cell));
    }
    text += r == 0 ? " \\\\\n\\hline\n" : " \\\\\n";
  }
  return text + "\\hline\n\\end{tabular}\n";
}

}  // namespace

nlohmann::ordered_json reproduction_json(const Reproduction& all) {
  nlohmann::ordered_json json{{"part", paper_part_name(all.part)}, {"preset", all.preset}, {"split", all.split}, {"seeds", all.seeds}};
  json["data_sets"] = nlohmann::ordered_json::array();
  for (const ReproducedSet& one : all.sets) {
    const PaperDataSet& set = paper_data_sets()[one.data_set];
    nlohmann::ordered_json own{{"name", set.name}, {"f1", set.macro ? "macro" : "weighted"}, {"notes", one.notes}};
    own["models"] = nlohmann::ordered_json::array();
    for (const PaperLine& line : lines_of(all.part, one.data_set, &one.scores)) own["models"].push_back(model_json(one, line, set.macro));
    json["data_sets"].push_back(own);
  }
  json["missing"] = nlohmann::ordered_json::array();
  for (const MissingSet& one : all.missing)
    json["missing"].push_back({{"name", paper_data_sets()[one.data_set].name}, {"what", one.what}, {"how", one.how}});
  return json;
}

std::string reproduction_csv(const Reproduction& all) {
  std::string text =
      "data_set,model,metric,paper,ours,low,high,runs,less_reference,less_reference_low,less_reference_high,parameters,train_seconds,"
      "train_posts_per_second,predict_posts_per_second,marks\n";
  for (const ReproducedSet& one : all.sets) {
    const PaperDataSet& set = paper_data_sets()[one.data_set];
    for (const PaperLine& line : lines_of(all.part, one.data_set, &one.scores)) {
      for (const bool f1 : {false, true}) {
        const Figure figure = figure_of(line, f1, set.macro);
        const bool there = line.ours != nullptr;
        text += fmt::format("{},{},{},{},{},{},{},{},{}\n", set.name, csv_field(line.model),
                            !f1         ? "accuracy"
                            : set.macro ? "f1_macro"
                                        : "f1_weighted",
                            number(line.paper.has_value(), figure.paper), number(there, figure.ours.mean),
                            number(figure.interval.has_value(), figure.interval.value_or(Interval{}).low),
                            number(figure.interval.has_value(), figure.interval.value_or(Interval{}).high), figure.ours.count,
                            csv_rest(one, line));
      }
    }
  }
  return text;
}

std::string reproduction_latex(const Reproduction& all) {
  std::string text = score_tabular(all);
  for (const ReproducedSet& one : all.sets) text += cost_tabular(one);
  return text;
}

}  // namespace infig
