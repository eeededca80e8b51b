#include "experiments/tables.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"
#include "core/words.h"
#include "evaluation/predictions.h"
#include "experiments/halving.h"

namespace infig {
namespace {

namespace fs = std::filesystem;

bool over_seeds(const ExperimentScores& scores) { return scores.seeds.size() > 1; }

std::string title_of(const VariantScores& one) {
  return one.dropped_after == 0 ? one.variant.title
                                : fmt::format("{} (dropped after {})", one.variant.title, counted(one.dropped_after, "epoch"));
}

nlohmann::ordered_json to_json(const HalvingRecord& record, const std::vector<VariantScores>& variants) {
  nlohmann::ordered_json json{{"metric", record.metric}, {"rungs", nlohmann::ordered_json::array()}};
  for (const HalvingRung& rung : record.rungs) {
    nlohmann::ordered_json one{{"epochs", rung.epochs}, {"variants", nlohmann::ordered_json::array()}};
    for (size_t i = 0; i < rung.variants.size(); ++i) {
      const bool kept = std::find(rung.kept.begin(), rung.kept.end(), rung.variants[i]) != rung.kept.end();
      one["variants"].push_back({{"name", variants[rung.variants[i]].variant.name}, {"dev", rung.scores[i].value}, {"kept", kept}});
    }
    if (!rung.tie.empty()) one["tie_broken_by"] = rung.tie;
    json["rungs"].push_back(one);
  }
  return json;
}

nlohmann::ordered_json to_json(const Summary& summary) {
  nlohmann::ordered_json json{
      {"count", summary.count}, {"mean", summary.mean}, {"deviation", summary.deviation}, {"values", summary.values}};
  if (summary.interval) {
    json["low"] = summary.interval->low;
    json["high"] = summary.interval->high;
  }
  return json;
}

nlohmann::ordered_json to_json(const VariantScores& scores, const fs::path& folder) {
  nlohmann::ordered_json json{{"name", scores.variant.name}, {"title", scores.variant.title}, {"overrides", scores.variant.overrides}};
  for (const auto& [key, value] : scores.variant.axes) json["axes"][key] = value;
  if (scores.dropped_after > 0) json["dropped_after"] = scores.dropped_after;
  json["runs"] = nlohmann::ordered_json::array();
  for (const auto& one : scores.seeds) {
    json["runs"].push_back({{"seed", one.seed},
                            {"run", one.run.lexically_relative(folder).generic_string()},
                            {"accuracy", one.accuracy},
                            {"f1_macro", one.f1_macro},
                            {"f1_weighted", one.f1_weighted},
                            {"mcc", one.mcc}});
    if (!one.marks.empty()) json["runs"].back()["marks"] = one.marks;
  }
  if (!scores.seeds.empty()) {
    json["accuracy"] = to_json(scores.accuracy);
    json["f1_macro"] = to_json(scores.f1_macro);
    json["f1_weighted"] = to_json(scores.f1_weighted);
    json["mcc"] = to_json(scores.mcc);
  }
  if (scores.against_first) {
    const ScoreDifference& score = scores.against_first->scores.accuracy;
    json["accuracy_difference"] = {
        {"difference", score.difference}, {"low", score.interval.low}, {"high", score.interval.high}, {"p_value", score.p_value}};
    json["conclusion"] = conclusion(*scores.against_first);
  }
  return json;
}

constexpr const char* kMeaningOfMarks =
    "Marks: what stands in for something in the model, or was decided without its paper (docs/models.md).";

// The end of a variant's row.
std::string marks_of_row(const VariantScores& one, bool marked) { return marked ? " " + marks_cell(one) + " |" : ""; }

std::string latex_cell(const Summary& summary) {
  if (summary.count == 0) return "--";
  if (summary.count == 1) return fmt::format("{:.2f}", 100 * summary.mean);
  if (summary.count == 2)
    return fmt::format("{:.2f} ({:.2f}; {:.2f})", 100 * summary.mean, 100 * summary.values[0], 100 * summary.values[1]);
  return fmt::format("{:.2f} $\\pm$ {:.2f}", 100 * summary.mean, 100 * summary.deviation);
}

}  // namespace

std::string latex_escape(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (std::string_view("&%$#_{}").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

std::string compared_cell(const std::optional<Comparison>& comparison) {
  if (!comparison) return "";
  const ScoreDifference& score = comparison->scores.accuracy;
  return fmt::format("{:+.4f} ({:+.4f} to {:+.4f}): {}", score.difference, score.interval.low, score.interval.high,
                     is_shown(score) ? "shown" : "not shown");
}

std::string score_cell(const Summary& summary) {
  if (summary.count == 0) return "-";
  if (summary.count == 1) return fmt::format("{:.4f}", summary.mean);
  if (!summary.interval) return fmt::format("{:.4f} (the two: {:.4f}, {:.4f})", summary.mean, summary.values.at(0), summary.values.at(1));
  return fmt::format("{:.4f} \u00b1 {:.4f} ({:.4f} to {:.4f})", summary.mean, summary.deviation, summary.interval->low,
                     summary.interval->high);
}

std::string marks_cell(const VariantScores& scores) {
  return scores.seeds.empty() ? "" : fmt::format("{}", fmt::join(scores.seeds.back().marks, ", "));
}

bool has_marks(const ExperimentScores& scores) {
  return std::ranges::any_of(scores.variants, [](const VariantScores& one) { return !marks_cell(one).empty(); });
}

std::string summary_words(size_t seeds) {
  if (seeds > 2) return "Mean \u00b1 sample standard deviation over the seeds (Student's 95 % interval of the mean).";
  return seeds == 2 ? "Mean and the values of both seeds; two say too little of the spread for an interval."
                    : "One seed: the spread over seeds is unknown.";
}

std::string halving_table(const ExperimentScores& scores) {
  if (!scores.halving || scores.halving->rungs.empty()) return "";
  std::string text = fmt::format(
      "\nHalving by dev {}, the best so far, mean over the seeds:\n\n| epochs | variant | dev | continues |\n|---:|---|---:|---|\n",
      scores.halving->metric);
  for (const HalvingRung& rung : scores.halving->rungs) {
    for (size_t i = 0; i < rung.variants.size(); ++i) {
      const bool kept = std::find(rung.kept.begin(), rung.kept.end(), rung.variants[i]) != rung.kept.end();
      text += fmt::format("| {} | {} | {:.4f} | {} |\n", rung.epochs, scores.variants[rung.variants[i]].variant.title, rung.scores[i].value,
                          kept ? "yes" : "no");
    }
  }
  for (const HalvingRung& rung : scores.halving->rungs) {
    if (!rung.tie.empty()) text += "\n" + tie_words(rung, scores.halving->metric) + "\n";
  }
  return text;
}

std::string markdown_table(const ExperimentScores& scores) {
  std::string text =
      fmt::format("# {}\n\n{}, split {}, {}, seed{} {}. {}\n\n", scores.title, scores.data, scores.split, counted(scores.posts, "post"),
                  over_seeds(scores) ? "s" : "", fmt::join(scores.seeds, ", "), summary_words(scores.seeds.size()));
  const bool marked = has_marks(scores);
  text += fmt::format(
      "| variant | runs | accuracy | macro F1 | weighted F1 | accuracy against {} (95 % interval) |{}\n|---|---:|---|---|---|---|{}\n",
      scores.halving || scores.reference > 0 ? scores.variants.at(scores.reference).variant.title : "the first", marked ? " marks |" : "",
      marked ? "---|" : "");
  for (const auto& one : scores.variants) {
    text += fmt::format("| {} | {} | {} | {} | {} | {} |{}\n", title_of(one), one.seeds.size(), score_cell(one.accuracy),
                        score_cell(one.f1_macro), score_cell(one.f1_weighted), compared_cell(one.against_first), marks_of_row(one, marked));
  }
  text +=
      "\nThe last column resamples posts, and runs if there are several (paired bootstrap): \"shown\" means that its interval excludes "
      "0.\n";
  if (marked) text += std::string("\n") + kMeaningOfMarks + "\n";
  text += halving_table(scores);
  text += "\n| variant | seed | accuracy | macro F1 | weighted F1 | MCC |\n|---|---:|---:|---:|---:|---:|\n";
  for (const auto& one : scores.variants) {
    for (const auto& run : one.seeds) {
      text += fmt::format("| {} | {} | {:.4f} | {:.4f} | {:.4f} | {:.4f} |\n", one.variant.title, run.seed, run.accuracy, run.f1_macro,
                          run.f1_weighted, run.mcc);
    }
  }
  return text;
}

std::string csv_table(const ExperimentScores& scores) {
  const bool marked = has_marks(scores);
  std::string text =
      fmt::format("variant,seed,accuracy,f1_macro,f1_weighted,mcc{}{}\n", scores.halving ? ",dropped_after" : "", marked ? ",marks" : "");
  for (const auto& one : scores.variants) {
    for (const auto& run : one.seeds) {
      const std::string dropped = !scores.halving ? "" : one.dropped_after == 0 ? "," : fmt::format(",{}", one.dropped_after);
      const std::string marks = marked ? "," + csv_field(fmt::format("{}", fmt::join(run.marks, ", "))) : "";
      text += fmt::format("{},{},{:.9g},{:.9g},{:.9g},{:.9g}{}{}\n", csv_field(one.variant.name), run.seed, run.accuracy, run.f1_macro,
                          run.f1_weighted, run.mcc, dropped, marks);
    }
  }
  return text;
}

std::string latex_table(const ExperimentScores& scores) {
  const bool marked = has_marks(scores);
  std::string text = fmt::format("% {}, {}, split {}, {}, seeds {}\n\\begin{{tabular}}{{lccc{}}}\n\\hline\n", scores.title, scores.data,
                                 scores.split, counted(scores.posts, "post"), fmt::join(scores.seeds, ", "), marked ? "l" : "");
  text += fmt::format("Variant & Accuracy & Macro F1 & Weighted F1{} \\\\\n\\hline\n", marked ? " & Marks" : "");
  for (const auto& one : scores.variants) {
    text += fmt::format("{} & {} & {} & {}{} \\\\\n", latex_escape(title_of(one)), latex_cell(one.accuracy), latex_cell(one.f1_macro),
                        latex_cell(one.f1_weighted), marked ? " & " + latex_escape(marks_cell(one)) : "");
  }
  return text + "\\hline\n\\end{tabular}\n";
}

void write_record(const ExperimentScores& scores, const fs::path& folder) {
  make_folder(folder);
  nlohmann::ordered_json json{
      {"title", scores.title}, {"data", scores.data},   {"data_sha256", scores.data_sha256},          {"split", scores.split},
      {"posts", scores.posts}, {"seeds", scores.seeds}, {"variants", nlohmann::ordered_json::array()}};
  for (const auto& one : scores.variants) json["variants"].push_back(to_json(one, folder));
  if (scores.halving) json["halving"] = to_json(*scores.halving, scores.variants);
  write_file_atomic(folder / "experiment.json", json.dump(2) + "\n");
}

void write_tables(const ExperimentScores& scores, const fs::path& folder) {
  write_record(scores, folder);
  write_file_atomic(folder / "table.md", markdown_table(scores));
  write_file_atomic(folder / "table.csv", csv_table(scores));
  write_file_atomic(folder / "table.tex", latex_table(scores));
  write_file_atomic(folder / "report.html", experiment_page(scores));
}

}  // namespace infig
