// The table of all evaluations of a run, and a section for each one other than the main evaluation.
#include <fmt/format.h>

#include "evaluation/gallery.h"
#include "evaluation/report_sections.h"

namespace infig {
namespace {

const char* seen_by_model(const std::string& without) {
  return without.empty() ? "picture and text" : without == "image" ? "text alone" : "picture alone";
}

std::string evaluation_row(const std::string& name, const EvaluationResult& result, const char* kind) {
  const ClassificationScores& s = result.scores;
  return fmt::format(
      "<tr{}><th scope=\"row\">{}<small>{}, {}, {}</small></th><td><b>{}</b></td><td>{:.1f} to {}</td><td>{}</td><td>{}</td></tr>\n", kind,
      html_escape(name), result.split, seen_by_model(result.without.empty() ? result.trained_without : result.without),
      counted(s.count, "post"), percent(s.accuracy), 100 * s.accuracy_low, percent(s.accuracy_high), percent(s.f1_macro),
      percent(s.f1_weighted));
}

std::string folded(const PageSection& section) {
  return fmt::format("<details><summary>{}</summary>\n<p class=\"lead\">{}</p>\n{}</details>\n", section.title, section.lead, section.body);
}

}  // namespace

std::string data_name(const StoredEvaluation& stored, const RunRecord& run) {
  if (!stored.data.empty()) return stored.data;
  return run.data.empty() ? "not recorded" : run.data;
}

std::optional<PageSection> evaluations_section(const ReportInput& input) {
  if (input.others.empty()) return std::nullopt;
  std::string html =
      "<div class=\"scroll\" tabindex=\"0\"><table class=\"numbers\">\n<thead><tr><th scope=\"col\">data set</th><th "
      "scope=\"col\">accuracy</th><th scope=\"col\">95\u00a0% interval<small>Wilson</small></th><th scope=\"col\">macro F1</th><th "
      "scope=\"col\">weighted F1</th></tr></thead>\n<tbody>\n";
  const std::string name = data_name(input.stored, input.run);
  html += evaluation_row(name, input.result, " class=\"own\"");
  for (const EvaluationResult& one : input.without) html += evaluation_row(name, one, "");
  for (const ReportedEvaluation& one : input.others) html += evaluation_row(data_name(one.stored, input.run), one.result, "");
  std::string lead = "Every evaluation that this run folder holds; the first one is that of the head.";
  for (const ReportedEvaluation& one : input.others) {
    if (one.stored.own()) continue;
    lead += " Data sets other than the run's own are told apart by the hash of their posts.";
    break;
  }
  return PageSection{"evaluations", "Evaluations", lead, html + "</tbody>\n</table></div>\n"};
}

PageSection other_section(const ReportedEvaluation& other, int64_t number, const RunRecord& run, const ReportOptions& options) {
  const EvaluationResult& result = other.result;
  PageSection section{.id = fmt::format("evaluation-{}", number),
                      .title = "On " + (other.stored.own() ? result.split : data_name(other.stored, run) + ", " + result.split),
                      .lead = "",
                      .body = right_and_verdict(result)};
  if (!other.stored.own())
    section.body += fmt::format("<p class=\"lead\">Posts of {}, SHA-256 <code>{}</code>.</p>\n", html_escape(other.stored.data),
                                html_escape(other.stored.data_sha256));
  const PageSection confusion = confusion_section(result);
  section.body += fmt::format("<p class=\"lead\">{}</p>\n{}", confusion.lead, confusion.body);
  section.body += folded(classes_section(result)) + folded(calibration_section(result));
  if (!other.posts) {
    section.body += "<p class=\"lead\">Its posts are shown here once it is evaluated again.</p>\n";
    return section;
  }
  for (const PageSection& posts : gallery_sections(*other.posts, result.labels, options)) section.body += folded(posts);
  return section;
}

}  // namespace infig
