#include "experiments/reproduce_tables.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/files.h"
#include "core/progress.h"
#include "experiments/cost_chart.h"
#include "experiments/reproduce_lines.h"
#include "experiments/score_chart.h"
#include "experiments/tables.h"
#include "pages/html.h"

namespace infig {
namespace {

namespace fs = std::filesystem;

std::string paper_cell(const PaperLine& line, double value) { return line.paper ? fmt::format("{:.4f}", value) : "-"; }

std::string ours_cell(const PaperLine& line, const Figure& figure) {
  if (line.ours == nullptr) return line.instead;
  if (figure.ours.count > 1 || !figure.interval) return score_cell(figure.ours);
  return fmt::format("{:.4f} ({:.4f} to {:.4f})", figure.ours.mean, figure.interval->low, figure.interval->high);
}

std::string difference_cell(const PaperLine& line, const Figure& figure) {
  return line.ours == nullptr || !line.paper ? "" : fmt::format("{:+.2f}", 100 * (figure.ours.mean - figure.paper));
}

// Whether our accuracy is within two standard errors of the paper's, for a test split of this size.
std::string verdict_cell(const PaperLine& line, const Figure& figure, const PaperDataSet& set) {
  if (line.ours == nullptr || !line.paper) return "";
  const double two = 2 * accuracy_standard_error(figure.paper, set.test);
  const bool inside = figure.ours.mean >= figure.paper - two && figure.ours.mean <= figure.paper + two;
  return fmt::format("{:+.2f}: {} 2 standard errors ({:.2f})", 100 * (figure.ours.mean - figure.paper), inside ? "within" : "outside",
                     100 * two);
}

TextTable set_table(PaperPart part, size_t place, const ExperimentScores* scores) {
  const PaperDataSet& set = paper_data_sets()[place];
  const std::string f1 = set.macro ? "macro F1" : "weighted F1";
  TextTable table = {
      {"model", "accuracy, paper", "accuracy, ours", "difference, points", f1 + ", paper", f1 + ", ours", "difference, points"}};
  for (const PaperLine& line : lines_of(part, place, scores)) {
    const Figure accuracy = figure_of(line, false, set.macro), second = figure_of(line, true, set.macro);
    table.push_back({line.model, paper_cell(line, accuracy.paper), ours_cell(line, accuracy), verdict_cell(line, accuracy, set),
                     paper_cell(line, second.paper), ours_cell(line, second), difference_cell(line, second)});
  }
  return table;
}

std::string costs_chart(const ReproducedSet& one) {
  std::vector<CostPoint> points;
  for (const VariantScores& variant : one.scores.variants) {
    const RunCost* cost = cost_of(one, variant);
    if (cost == nullptr || cost->train_seconds <= 0) continue;
    points.push_back({.name = variant.variant.title,
                      .seconds = cost->train_seconds,
                      .accuracy = variant.accuracy.mean,
                      .interval = variant.accuracy.interval});
  }
  return cost_chart(points, "Accuracy against the time of one training");
}

std::string in_markdown(const TextTable& table) {
  if (table.size() < 2) return "";
  std::string text;
  for (size_t r = 0; r < table.size(); ++r) {
    text += fmt::format("| {} |\n", fmt::join(table[r], " | "));
    if (r == 0) {
      for (size_t c = 0; c < table[r].size(); ++c) text += "|---";
      text += "|\n";
    }
  }
  return text + "\n";
}

std::string in_html(const TextTable& table) {
  if (table.size() < 2) return "";
  std::string html = "<div class=\"scroll\" tabindex=\"0\"><table class=\"numbers\">\n<thead><tr>";
  for (const auto& cell : table[0]) html += fmt::format("<th scope=\"col\">{}</th>", html_escape(cell));
  html += "</tr></thead>\n<tbody>\n";
  for (size_t r = 1; r < table.size(); ++r) {
    html += fmt::format("<tr><th scope=\"row\">{}</th>", html_escape(table[r][0]));
    for (size_t c = 1; c < table[r].size(); ++c) html += fmt::format("<td>{}</td>", html_escape(table[r][c]));
    html += "</tr>\n";
  }
  return html + "</tbody>\n</table></div>\n";
}

// Remarks below a data set's table.
std::vector<std::string> remarks(PaperPart part, const ReproducedSet& one) {
  std::vector<std::string> lines;
  for (const auto& note : one.notes) lines.push_back(note + ".");
  for (const auto& model : one.missing)
    lines.push_back(fmt::format("{} was not run: {}. To get it: {}", model.model, model.what, model.how));
  if (part == PaperPart::kTable2 && paper_data_sets()[one.data_set].macro)
    lines.emplace_back("The F1 printed for MMSD and D&R Net is that of one class, not the macro mean.");
  if (part == PaperPart::kFigure3) {
    const VariantScores *best = nullptr, *worst = nullptr;
    for (const auto& variant : one.scores.variants) {
      if (variant.seeds.empty()) continue;
      if (best == nullptr || variant.accuracy.mean > best->accuracy.mean) best = &variant;
      if (worst == nullptr || variant.accuracy.mean < worst->accuracy.mean) worst = &variant;
    }
    lines.emplace_back(
        "The paper draws its points without numbers; its text says that the last layer (1) is best and the fourth from the end poorest.");
    if (best != nullptr && best != worst)
      lines.push_back(fmt::format("Here {} is best ({:.4f}) and {} poorest ({:.4f}).", best->variant.title, best->accuracy.mean,
                                  worst->variant.title, worst->accuracy.mean));
  }
  for (const auto& variant : one.scores.variants) {
    if (variant.against_first) lines.push_back(conclusion(*variant.against_first) + ".");
  }
  return lines;
}

std::string explanation(const Reproduction& all) {
  return "Ours: " +
         (all.seeds.size() > 1
              ? summary_words(all.seeds.size())
              : std::string(
                    "One seed, with its 95 % interval over the posts (Wilson's of accuracy, bootstrap of F1); the spread over seeds is "
                    "unknown.")) +
         " Differences are ours minus the paper's; the standard error is that of the paper's accuracy on a test split of its size.";
}

}  // namespace

std::string reproduction_markdown(const Reproduction& all) {
  std::string text = fmt::format("# {}\n\nPreset {}, split {}, seeds {}. {}\n\n", reproduction_title(all.part), all.preset, all.split,
                                 fmt::join(all.seeds, ", "), explanation(all));
  for (const ReproducedSet& one : all.sets) {
    text += fmt::format("## {}\n\n{}", paper_data_sets()[one.data_set].title, in_markdown(set_table(all.part, one.data_set, &one.scores)));
    text += in_markdown(cost_table(one));
    for (const auto& line : remarks(all.part, one)) text += "- " + line + "\n";
    text += "\n";
  }
  for (const MissingSet& one : all.missing) {
    text += fmt::format("## {}: not run\n\nMissing: {}. To get it: {}\n\n{}", paper_data_sets()[one.data_set].title, one.what, one.how,
                        in_markdown(set_table(all.part, one.data_set, nullptr)));
  }
  while (text.ends_with("\n\n")) text.pop_back();
  return text;
}

std::string reproduction_page(const Reproduction& all) {
  Page page{.title = std::string(reproduction_title(all.part)) + " \u2013 infig", .header = "", .sections = {}, .footer = ""};
  page.header = fmt::format(
      "<p class=\"overline\">infig reproduction</p>\n<h1>{}</h1>\n<dl "
      "class=\"facts\"><div><dt>preset</dt><dd>{}</dd></div><div><dt>split</dt>"
      "<dd>{}</dd></div><div><dt>seeds</dt><dd>{}</dd></div></dl>\n<p class=\"lead\">{}</p>\n",
      html_escape(reproduction_title(all.part)), html_escape(all.preset), html_escape(all.split), fmt::join(all.seeds, ", "),
      html_escape(explanation(all)));
  for (const ReproducedSet& one : all.sets) {
    const PaperDataSet& set = paper_data_sets()[one.data_set];
    std::string body = all.part == PaperPart::kTable2
                           ? costs_chart(one)
                           : score_chart(one.scores, "Accuracy and weighted F1, ours", all.part == PaperPart::kFigure3);
    body += in_html(set_table(all.part, one.data_set, &one.scores)) + in_html(cost_table(one)) + disagreements_html(one.disagreements) +
            "<ul class=\"notices\">\n";
    for (const auto& line : remarks(all.part, one)) body += "<li>" + html_escape(line) + "</li>\n";
    page.sections.push_back(
        {set.name, set.title, fmt::format("{} of {}.", counted(one.scores.posts, "post"), html_escape(all.split)), body + "</ul>\n"});
  }
  for (const MissingSet& one : all.missing) {
    const PaperDataSet& set = paper_data_sets()[one.data_set];
    page.sections.push_back({set.name, std::string(set.title) + ": not run",
                             fmt::format("Missing: {}. To get it: {}", html_escape(one.what), html_escape(one.how)),
                             in_html(set_table(all.part, one.data_set, nullptr))});
  }
  page.footer = "<p>Made by infig from the runs of this folder alone; the page opens no connection.</p>\n";
  return render_page(page);
}

void write_reproduction(const Reproduction& all, const fs::path& folder) {
  make_folder(folder);
  write_file_atomic(folder / "reproduction.json", reproduction_json(all).dump(2) + "\n");
  write_file_atomic(folder / "table.md", reproduction_markdown(all));
  write_file_atomic(folder / "table.csv", reproduction_csv(all));
  write_file_atomic(folder / "table.tex", reproduction_latex(all));
  write_file_atomic(folder / "report.html", reproduction_page(all));
}

}  // namespace infig
