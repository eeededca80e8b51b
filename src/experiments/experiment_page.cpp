// report.html of an experiment.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "experiments/halving.h"
#include "experiments/score_chart.h"
#include "experiments/tables.h"
#include "pages/html.h"

namespace infig {
namespace {

// Whether the experiment is a sweep over increasing values of one key, like Figure 3: its points are joined by a line.
bool is_line(const ExperimentScores& scores) {
  return scores.variants.size() > 2 &&
         std::all_of(scores.variants.begin(), scores.variants.end(), [](const auto& one) { return one.variant.axes.size() == 1; });
}

// The mean score, with its spread in small letters below.
std::string figure_cell(const Summary& summary) {
  if (summary.count < 2) return score_cell(summary);
  if (!summary.interval)
    return fmt::format("{:.4f}<small>the two: {:.4f}, {:.4f}</small>", summary.mean, summary.values[0], summary.values[1]);
  return fmt::format("{:.4f} \u00b1 {:.4f}<small>{:.4f} to {:.4f}</small>", summary.mean, summary.deviation, summary.interval->low,
                     summary.interval->high);
}

std::string cells(const VariantScores& one) {
  return fmt::format("<td>{}</td><td>{}</td><td>{}</td><td>{}</td>", one.seeds.size(), figure_cell(one.accuracy), figure_cell(one.f1_macro),
                     figure_cell(one.f1_weighted));
}

std::string dropped_mark(const VariantScores& one) {
  return one.dropped_after == 0 ? "" : fmt::format(" <small>dropped after {}</small>", counted(one.dropped_after, "epoch"));
}

// Which variants were dropped, when and with which scores.
PageSection halving_section(const ExperimentScores& scores) {
  std::string html =
      "<div class=\"scroll\" tabindex=\"0\"><table class=\"numbers\">\n<thead><tr><th scope=\"col\">variant</th><th "
      "scope=\"col\">after epochs</th><th scope=\"col\">dev</th><th scope=\"col\">continues</th></tr></thead>\n<tbody>\n";
  for (const HalvingRung& rung : scores.halving->rungs) {
    for (size_t i = 0; i < rung.variants.size(); ++i) {
      const bool kept = std::find(rung.kept.begin(), rung.kept.end(), rung.variants[i]) != rung.kept.end();
      html +=
          fmt::format("<tr><th scope=\"row\">{}</th><td>{}</td><td>{:.4f}</td><td>{}</td></tr>\n",
                      html_name(scores.variants[rung.variants[i]].variant.title), rung.epochs, rung.scores[i].value, kept ? "yes" : "no");
    }
  }
  std::string ties;
  for (const HalvingRung& rung : scores.halving->rungs) {
    if (!rung.tie.empty()) ties += " " + html_escape(tie_words(rung, scores.halving->metric));
  }
  return {"halving", "Halving",
          fmt::format("After so many epochs the variants with the best dev {} so far (mean over the seeds) continue, and the others are "
                      "dropped; their folders are kept.{}",
                      html_escape(scores.halving->metric), ties),
          html + "</tbody>\n</table></div>\n"};
}

PageSection scores_section(const ExperimentScores& scores) {
  std::string html = score_chart(scores, "Accuracy and weighted F1", is_line(scores));
  html +=
      "<div class=\"scroll\" tabindex=\"0\"><table class=\"numbers\">\n<thead><tr><th scope=\"col\">variant</th><th "
      "scope=\"col\">runs</th><th "
      "scope=\"col\">accuracy</th><th scope=\"col\">macro F1</th><th scope=\"col\">weighted F1</th>";
  const bool marked = has_marks(scores);
  html += marked ? "<th scope=\"col\">marks</th></tr></thead>\n<tbody>\n" : "</tr></thead>\n<tbody>\n";
  for (const auto& one : scores.variants) {
    const std::string marks = marked ? "<td>" + html_escape(marks_cell(one)) + "</td>" : "";
    html += fmt::format("<tr><th scope=\"row\">{}</th>{}{}</tr>\n", html_name(one.variant.title) + dropped_mark(one), cells(one), marks);
  }
  return {"scores", "Scores", html_sentence(summary_words(scores.seeds.size())), html + "</tbody>\n</table></div>\n"};
}

PageSection differences_section(const ExperimentScores& scores) {
  std::string html = "<ul>\n";
  for (const auto& one : scores.variants) {
    if (one.against_first) html += fmt::format("<li>{}.</li>\n", html_sentence(conclusion(*one.against_first)));
  }
  return {"differences", "What is shown",
          fmt::format("Every variant against {} on the same posts. Posts, and seeds if there are several, are resampled 10,000 times; "
                      "\u201cshown\u201d means that the interval excludes 0.",
                      html_escape(scores.variants.at(scores.reference).variant.title)),
          html + "</ul>\n"};
}

// Of a run, from the experiment's.
std::string folder_of(const Variant& variant, uint64_t seed) {
  return fmt::format("{}{}seed-{}", variant.name, variant.name.empty() ? "" : "/", seed);
}

PageSection runs_section(const ExperimentScores& scores) {
  std::string html =
      "<div class=\"scroll\" tabindex=\"0\"><table class=\"numbers\">\n<thead><tr><th scope=\"col\">variant</th><th "
      "scope=\"col\">seed</th><th scope=\"col\" class=\"path\">folder</th><th "
      "scope=\"col\">accuracy</th><th scope=\"col\">macro F1</th><th scope=\"col\">weighted F1</th><th "
      "scope=\"col\">MCC</th></tr></thead>\n<tbody>\n";
  for (const auto& one : scores.variants) {
    for (const auto& run : one.seeds) {
      html += fmt::format(
          "<tr><th scope=\"row\">{}</th><td>{}</td><td "
          "class=\"path\">{}</td><td>{:.4f}</td><td>{:.4f}</td><td>{:.4f}</td><td>{:.4f}</td></tr>\n",
          html_name(one.variant.title), run.seed, html_escape(folder_of(one.variant, run.seed)), run.accuracy, run.f1_macro,
          run.f1_weighted, run.mcc);
    }
  }
  return {"runs", "Runs", "Each run has its own folder, with its log, weights and evaluation.", html + "</tbody>\n</table></div>\n"};
}

}  // namespace

std::string experiment_page(const ExperimentScores& scores) {
  Page page{.title = scores.title + " \u2013 infig experiment", .header = "", .sections = {}, .footer = ""};
  size_t done = 0;
  for (const auto& one : scores.variants) done += one.seeds.size();
  page.header = fmt::format("<p class=\"overline\">infig experiment</p>\n<h1>{}</h1>\n<dl class=\"facts\">", html_escape(scores.title));
  const auto fact = [&](const char* name, const std::string& value) {
    page.header += fmt::format("<div><dt>{}</dt><dd>{}</dd></div>", name, html_escape(value));
  };
  fact("data set", scores.data);
  fact("split", scores.split);
  fact("posts", with_thousands(scores.posts));
  fact("seeds", fmt::format("{}", fmt::join(scores.seeds, ", ")));
  fact("runs", fmt::format("{} of {}", done, scores.seeds.size() * scores.variants.size()));
  page.header += "</dl>\n";
  page.sections.push_back(scores_section(scores));
  const bool compared =
      std::any_of(scores.variants.begin(), scores.variants.end(), [](const auto& one) { return one.against_first.has_value(); });
  if (compared) page.sections.push_back(differences_section(scores));
  if (scores.halving && !scores.halving->rungs.empty()) page.sections.push_back(halving_section(scores));
  page.sections.push_back(runs_section(scores));
  page.footer = "<p>Made by infig from the runs of this folder alone; the page opens no connection.</p>\n";
  return render_page(page);
}

}  // namespace infig
