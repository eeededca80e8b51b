// Sections of report.html about the certainty of the scores, slices, and calibration.
#include <fmt/format.h>

#include <algorithm>

#include "evaluation/details.h"
#include "evaluation/report_sections.h"
#include "evaluation/risk_chart.h"
#include "evaluation/stored.h"
#include "evaluation/verdict.h"
#include "metrics/calibration.h"
#include "pages/svg.h"

namespace infig {
namespace {

std::string table_head(std::initializer_list<const char*> columns) {
  std::string html = "<div class=\"scroll\" tabindex=\"0\"><table class=\"numbers\">\n<thead><tr>";
  for (const char* column : columns) html += fmt::format("<th scope=\"col\"{}>{}</th>", *column == 0 ? " class=\"wide\"" : "", column);
  return html + "</tr></thead>\n<tbody>\n";
}

std::string figure_row(const std::string& name, double value, const Interval& interval) {
  // If all bootstrap draws are equal, as for a class that is always or never predicted correctly, they do not measure the uncertainty.
  const std::string range = interval.low == interval.high ? "\u2013" : fmt::format("{:.4f} to {:.4f}", interval.low, interval.high);
  return fmt::format("<tr><th scope=\"row\">{}</th><td><b>{:.4f}</b></td><td>{}</td></tr>\n", html_escape(name), value, range);
}

// Repeated posts in a bootstrap sample increase the ECE, so the interval of a small ECE can lie entirely above its value.
std::string outside_note(const EvaluationResult& result) {
  const Interval& ece = result.intervals->ece;
  if (result.scores.ece >= ece.low && result.scores.ece <= ece.high) return "";
  return " The calibration error lies below its interval, because posts that are drawn twice make bins look worse.";
}

const char* group_title(const std::string& group) {
  return group == "text_length" ? "length of the text, characters" : group == "parts" ? "what the post holds" : "script of the text";
}

std::vector<CalibrationBin> bins_at(const EvaluationResult& result, double temperature) {
  std::vector<Prediction> scaled = result.predictions;
  for (Prediction& one : scaled)
    one.probabilities = apply_temperature(one.probabilities, static_cast<int64_t>(result.labels.size()), temperature);
  return calibration_bins(scaled);
}

}  // namespace

std::optional<PageSection> intervals_section(const ReportInput& input) {
  const EvaluationResult& result = input.result;
  if (!result.intervals) return std::nullopt;
  const ClassificationScores& s = result.scores;
  const ScoreIntervals& i = *result.intervals;
  std::string html = table_head({"figure", "value", "95\u00a0% interval"});
  html += figure_row("accuracy", s.accuracy, i.accuracy) + figure_row("macro F1", s.f1_macro, i.f1_macro) +
          figure_row("weighted F1", s.f1_weighted, i.f1_weighted) + figure_row("macro precision", s.precision_macro, i.precision_macro) +
          figure_row("macro recall", s.recall_macro, i.recall_macro) +
          figure_row("weighted precision", s.precision_weighted, i.precision_weighted) +
          figure_row("weighted recall", s.recall_weighted, i.recall_weighted) + figure_row("Matthews correlation", s.mcc, i.mcc) +
          figure_row("calibration error (ECE)", s.ece, i.ece) +
          fmt::format("<tr><th scope=\"row\">cross-entropy, nats</th><td><b>{:.4f}</b></td><td></td></tr>\n", result.loss);
  for (size_t c = 0; c < i.classes.size() && c < s.classes.size(); ++c) {
    const std::string& label = result.labels[c];
    html += figure_row(label + ": precision", s.classes[c].precision, i.classes[c].precision) +
            figure_row(label + ": recall", s.classes[c].recall, i.classes[c].recall) +
            figure_row(label + ": F1", s.classes[c].f1, i.classes[c].f1);
  }
  const bool dashes = html.find("<td>\u2013</td>") != std::string::npos;
  const std::string dash = dashes ? fmt::format(" \u201c\u2013\u201d: {}.", kNoSpread) : "";
  return PageSection{"intervals", "How sure the figures are",
                     fmt::format("Every figure with its 95\u00a0% interval; the cross-entropy has none. {}. It covers the choice of the "
                                 "posts, not another seed.{}{}",
                                 kIntervalMethods, outside_note(result), dash),
                     html + "</tbody>\n</table></div>\n"};
}

std::optional<PageSection> slices_section(const ReportInput& input) {
  const EvaluationResult& result = input.result;
  if (result.slices.empty()) return std::nullopt;
  std::string html =
      table_head({"posts by", "", "number", "accuracy", "95\u00a0% interval<small>Wilson</small>", "macro F1", "weighted F1"});
  std::string group;
  for (const SliceScores& slice : result.slices) {
    if (slice.group != group) html += fmt::format("<tr><th scope=\"rowgroup\" colspan=\"7\">{}</th></tr>\n", group_title(slice.group));
    group = slice.group;
    html += fmt::format(
        "<tr><td>{}</td><td class=\"wide\">{}</td><td>{}</td><td><b>{}</b></td><td>{:.1f} to {}</td><td>{}</td><td>{}</td></tr>\n",
        html_escape(slice.name), interval_bar(slice.accuracy, slice.accuracy_low, slice.accuracy_high, result.scores.accuracy),
        with_thousands(slice.count), percent(slice.accuracy), 100 * slice.accuracy_low, percent(slice.accuracy_high),
        percent(slice.f1_macro), percent(slice.f1_weighted));
  }
  return PageSection{
      "slices", "Where it holds",
      "The same scores for parts of the posts. The tick marks the accuracy on all of them; the intervals of small parts are wide.",
      html + "</tbody>\n</table></div>\n"};
}

std::optional<PageSection> temperature_section(const ReportInput& input) {
  if (!input.calibration || input.result.temperature != 1) return std::nullopt;
  const Calibration& fitted = *input.calibration;
  std::string lead = fmt::format(
      "A temperature of {:.3f}, fitted on {} of {}{}, {} the probabilities; predictions do not change. On {} it takes the "
      "calibration error from {} to {}. <code>evaluate</code> and <code>predict</code> apply it with <code>--temperature fitted</code>.",
      fitted.temperature, counted(fitted.posts, "post"), html_escape(fitted.split),
      fitted.data_sha256 == input.result.data_sha256 ? "" : " of " + html_escape(data_words(fitted.data, fitted.data_sha256)),
      fitted.temperature > 1 ? "evens out" : "sharpens", html_escape(fitted.split), percent(fitted.ece_before), percent(fitted.ece_after));
  EvaluationResult scaled = input.result;
  scaled.intervals.reset();
  scale_by_temperature(scaled, fitted.temperature);
  if (input.result.split != fitted.split) {
    lead += fmt::format(" Here, on {}, it goes from {} to {}.", html_escape(input.result.split), percent(input.result.scores.ece),
                        percent(scaled.scores.ece));
  }
  return PageSection{"temperature", "Calibration with the fitted temperature", lead,
                     "<div class=\"charts\">\n" + calibration_chart(bins_at(input.result, fitted.temperature)) + "</div>\n"};
}

PageSection risk_section(const ReportInput& input) {
  const LabelledRows rows = labelled_rows(input.result);
  const auto classes = static_cast<int64_t>(input.result.labels.size());
  const std::vector<RiskPoint> points = risk_coverage(rows.probabilities, rows.labels, classes);
  const auto half = std::find_if(points.begin(), points.end(), [](const RiskPoint& point) { return point.coverage >= 0.5; });
  const std::string lead = fmt::format(
      "If the model answers only where it is surest, how often is it wrong? On all posts in {}; on the surest {} (confidence {} and more) "
      "in {}. "
      "Area under the curve: {:.4f}; the dashed line is what leaving out posts at random would give.",
      percent(points.back().risk), percent(half->coverage), percent(half->confidence), percent(half->risk),
      risk_coverage_area(rows.probabilities, rows.labels, classes));
  return {"risk", "Risk and coverage", lead, "<div class=\"charts\">\n" + risk_chart(points) + "</div>\n"};
}

}  // namespace infig
