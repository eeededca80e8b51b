#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "evaluation/report_sections.h"
#include "pages/svg.h"

namespace infig {
namespace {

using Metrics = std::map<std::string, MetricSeries>;

// A line of a chart: the metric's key, and its title.
struct Line {
  std::string key;
  std::string name;
  int64_t colour;
};

// Draws a chart with those lines for which there is a metric; "" if there are none.
std::string chart_of(const Metrics& metrics, LineChart chart, const std::vector<Line>& lines) {
  for (const auto& line : lines) {
    const auto found = metrics.find(line.key);
    if (found == metrics.end() || found->second.step.empty()) continue;
    const auto& series = found->second;
    chart.series.push_back({.name = line.name, .colour = line.colour, .x = series.step, .y = series.value, .epoch = series.epoch});
  }
  return chart.series.empty() ? "" : line_chart(chart);
}

std::string loss_charts(const Metrics& metrics) {
  std::string html = chart_of(metrics, {.title = "Loss, all parts weighted"}, {{"loss", "training", 0}});
  html += chart_of(metrics, {.title = "Classification loss"}, {{"loss_classification", "training", 0}, {"eval_loss", "dev", 1}});
  html += chart_of(metrics, {.title = "Global alignment loss (GAM)"}, {{"loss_gam", "training", 2}});
  html += chart_of(metrics, {.title = "Fine-grained alignment loss (HFAM)"}, {{"loss_hfam", "training", 3}});
  // Losses of other models.
  const std::set<std::string> drawn = {"loss_classification", "loss_gam", "loss_hfam"};
  for (const auto& [key, series] : metrics) {
    if (key.starts_with("loss_") && !drawn.contains(key))
      html += chart_of(metrics, {.title = "Loss part " + key.substr(5)}, {{key, "training", 4}});
  }
  return html + chart_of(metrics, {.title = "Temperatures"}, {{"temperature_gam", "GAM", 2}, {"temperature_hfam", "HFAM", 3}});
}

std::string score_chart(const Metrics& metrics, double dev_majority) {
  LineChart chart{.title = "Scores on dev", .percent = true};
  chart.reference = dev_majority;
  if (chart.reference > 0) chart.reference_name = "majority accuracy";
  return chart_of(metrics, chart,
                  {{"eval_accuracy", "accuracy", 0}, {"eval_f1_macro", "macro F1", 1}, {"eval_f1_weighted", "weighted F1", 2}});
}

std::string optimiser_charts(const Metrics& metrics) {
  std::string html = chart_of(metrics, {.title = "Learning rate"}, {{"learning_rate", "learning rate", 0}});
  html += chart_of(metrics, {.title = "Norm of the gradient"}, {{"grad_norm", "norm", 4}});
  if (html.empty()) return "";
  return "<details><summary>Learning rate and gradient</summary>\n<div class=\"charts\">\n" + html + "</div>\n</details>\n";
}

// A row for each dev evaluation; the best value of each column is bold.
std::string dev_table(const Metrics& metrics) {
  const auto found = metrics.find("eval_accuracy");
  if (found == metrics.end()) return "";
  const auto& accuracy = found->second;
  const std::vector<std::string> keys = {"eval_accuracy", "eval_f1_macro", "eval_f1_weighted", "eval_loss"};
  std::string html =
      "<details><summary>Scores on dev as numbers</summary>\n<div class=\"scroll\" tabindex=\"0\"><table class=\"numbers\">\n"
      "<thead><tr><th scope=\"col\">step</th><th scope=\"col\">epoch</th><th scope=\"col\">accuracy</th><th scope=\"col\">macro F1</th>"
      "<th scope=\"col\">weighted F1</th><th scope=\"col\">loss</th></tr></thead>\n<tbody>\n";
  for (size_t row = 0; row < accuracy.step.size(); ++row) {
    html += fmt::format("<tr><th scope=\"row\">{}</th><td>{:.2f}</td>", with_thousands(static_cast<int64_t>(accuracy.step[row])),
                        accuracy.epoch[row]);
    for (const auto& key : keys) {
      const auto other = metrics.find(key);
      const size_t at = other == metrics.end()
                            ? 0
                            : static_cast<size_t>(std::find(other->second.step.begin(), other->second.step.end(), accuracy.step[row]) -
                                                  other->second.step.begin());
      if (other == metrics.end() || at >= other->second.value.size()) {
        html += "<td>\u2013</td>";
        continue;
      }
      const auto& values = other->second.value;
      const bool is_loss = key == "eval_loss";
      const double best = is_loss ? *std::min_element(values.begin(), values.end()) : *std::max_element(values.begin(), values.end());
      const std::string text = is_loss ? fmt::format("{:.4f}", values[at]) : percent(values[at]);
      html += values[at] == best ? "<td><b>" + text + "</b></td>" : "<td>" + text + "</td>";
    }
    html += "</tr>\n";
  }
  return html + "</tbody>\n</table></div>\n</details>\n";
}

}  // namespace

PageSection training_section(const ReportInput& input) {
  PageSection section{.id = "training", .title = "Training", .lead = "", .body = ""};
  const auto& metrics = input.run.metrics;
  const std::string charts = score_chart(metrics, input.dev_majority) + loss_charts(metrics);
  if (charts.empty()) {
    section.lead = "The run folder has no <code>metrics.jsonl</code> with lines of training.";
    return section;
  }
  const bool dev = metrics.contains("eval_accuracy");
  const std::string every = input.run.setting("train.log_every");
  section.lead = metrics.contains("loss") ? (dev ? "The scores on dev, and every part of the loss." : "Every part of the loss.")
                                          : fmt::format(
                                                "The scores on dev. No loss of training was logged: the run has fewer steps than "
                                                "<code>train.log_every={}</code>.",
                                                html_escape(every));
  if (!dev) section.lead += " There was no dev split: the last checkpoint is the one that counts, and nothing stopped the run early.";
  section.lead += " Point at a chart to read its values.";
  section.body = "<div class=\"charts\">\n" + charts + "</div>\n" + optimiser_charts(metrics) + dev_table(metrics);
  return section;
}

}  // namespace infig
