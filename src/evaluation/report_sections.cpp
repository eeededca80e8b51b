#include "evaluation/report_sections.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "evaluation/verdict.h"
#include "pages/svg.h"

namespace infig {
namespace {

constexpr size_t kCalibrationBins = 15;

std::string fact(const std::string& name, const std::string& value) {
  return value.empty() ? "" : fmt::format("<div><dt>{}</dt><dd>{}</dd></div>\n", name, html_escape(value));
}

std::string facts(const ReportInput& input) {
  const auto& run = input.run;
  const std::string release = run.version + (run.git.empty() ? "" : " (" + run.git + ")");
  return "<dl class=\"facts\">\n" + fact("preset", run.preset) + fact("data set", data_name(input.stored, run)) +
         fact("split", input.result.split) + fact("posts", with_thousands(input.result.scores.count)) + fact("seed", run.seed) +
         fact("marks", fmt::format("{}", fmt::join(run.marks, ", "))) + fact("infig", release) + "</dl>\n";
}

std::string card(const std::string& name, const std::string& value, const std::string& below, const std::string& extra_class = "") {
  return fmt::format("<div class=\"card{}\"><h2>{}</h2><p class=\"figure\">{}</p>{}</div>\n", extra_class, name, value, below);
}

std::string cards(const EvaluationResult& result) {
  const auto& scores = result.scores;
  const double majority = majority_accuracy(scores);
  std::string html = "<div class=\"cards\">\n";
  html += card("Accuracy", percent(scores.accuracy),
               interval_bar(scores.accuracy, scores.accuracy_low, scores.accuracy_high, majority) +
                   fmt::format("<p>95\u00a0% interval (Wilson) {:.1f} to {}</p>", 100 * scores.accuracy_low, percent(scores.accuracy_high)),
               " hero");
  html += card("Majority baseline", percent(majority),
               fmt::format("<p>accuracy of always answering <em>{}</em></p>", html_escape(largest_class(result))));
  html += card("Macro F1", percent(scores.f1_macro), "<p>mean over classes</p>");
  html += card("Weighted F1", percent(scores.f1_weighted), "<p>classes by their size</p>");
  html += card("Calibration error", percent(scores.ece), "<p>ECE, 15 bins; 0 is perfect</p>");
  return html + "</div>\n";
}

// Warnings that a reader must know before trusting the figures.
std::string notices(const ReportInput& input) {
  const auto& result = input.result;
  std::vector<std::string> lines;
  const auto count = [&lines](int64_t posts, const char* what) {
    if (posts > 0) lines.push_back(fmt::format("{}: {}.", what, with_thousands(posts)));
  };
  count(result.images_missing, "Posts read without a picture (none named, or none that could be decoded)");
  count(result.images_truncated, "Truncated pictures, whose missing rows were read as grey");
  count(result.images_skipped, "Posts left out because their picture could not be read (--bad-image skip)");
  count(result.posts_empty, "Posts left out: they have neither a text nor a picture that can be used");
  count(result.texts_missing, "Posts read without a text");
  count(static_cast<int64_t>(result.predictions.size()) - result.scores.count, "Posts without label, which are predicted and not scored");
  if (!input.stored.own()) {
    lines.emplace_back("The data set is another than the one the run was trained on (its hash differs).");
  } else if (result.data_sha256.empty()) {
    lines.emplace_back(
        "These figures were written by an older infig, which did not record the data set: they are taken for those of the run's own. "
        "Evaluate the run again to be sure.");
  }
  if (!input.stored.own() || result.split != "test")
    lines.emplace_back("The run was never evaluated on the test split of its own data set.");
  lines.insert(lines.end(), input.outdated.begin(), input.outdated.end());
  if (lines.empty()) return "";
  std::string html = "<ul class=\"notices\">\n";
  for (const auto& line : lines) html += "<li>" + html_escape(line) + "</li>\n";
  return html + "</ul>\n";
}

// Describes the largest off-diagonal cell.
std::string worst_confusion(const EvaluationResult& result) {
  int64_t worst = 0;
  size_t truth = 0, said = 0;
  for (size_t i = 0; i < result.labels.size(); ++i) {
    for (size_t j = 0; j < result.labels.size(); ++j) {
      if (i == j || result.scores.confusion[i][j] <= worst) continue;
      worst = result.scores.confusion[i][j];
      truth = i;
      said = j;
    }
  }
  if (worst == 0) return "No class was taken for another.";
  return fmt::format("Most often <em>{}</em> was taken for <em>{}</em>: {}, {} of that class.", html_escape(result.labels[truth]),
                     html_escape(result.labels[said]), counted(worst, "post"),
                     percent(static_cast<double>(worst) / static_cast<double>(result.scores.classes[truth].support)));
}

std::string parts_row(const std::string& name, const ClassificationScores& scores, double majority) {
  return fmt::format(
      "<tr><th scope=\"row\">{}</th><td class=\"wide\">{}</td><td><b>{}</b></td><td>{:.1f} to {}</td><td>{}</td><td>{}</td></tr>\n", name,
      interval_bar(scores.accuracy, scores.accuracy_low, scores.accuracy_high, majority), percent(scores.accuracy),
      100 * scores.accuracy_low, percent(scores.accuracy_high), percent(scores.f1_macro), percent(scores.f1_weighted));
}

}  // namespace

std::string right_and_verdict(const EvaluationResult& result) {
  const auto right = std::llround(result.scores.accuracy * static_cast<double>(result.scores.count));
  return fmt::format("<p class=\"lead\">{} of {} {} classified correctly. {}</p>\n", with_thousands(right),
                     counted(result.scores.count, "post"), right == 1 || result.scores.count == 1 ? "is" : "are",
                     html_sentence(verdict_of(result).sentence));
}

std::string report_header(const ReportInput& input) {
  return "<p class=\"overline\">infig report</p>\n<h1>" + html_escape(input.run.name) + "</h1>\n" + facts(input) + cards(input.result) +
         right_and_verdict(input.result) + notices(input);
}

PageSection confusion_section(const EvaluationResult& result) {
  const size_t classes = result.labels.size();
  std::string html = "<div class=\"scroll\" tabindex=\"0\"><table class=\"heat\">\n<thead>\n<tr><td></td>";
  html += fmt::format(
      "<th scope=\"colgroup\" colspan=\"{}\">prediction</th><td></td></tr>\n<tr><th scope=\"col\" class=\"corner\">truth</th>", classes);
  for (const auto& label : result.labels) html += "<th scope=\"col\">" + html_escape(label) + "</th>";
  html += "<th scope=\"col\" class=\"sum\">all</th></tr>\n</thead>\n<tbody>\n";
  std::vector<int64_t> columns(classes, 0);
  for (size_t i = 0; i < classes; ++i) {
    const int64_t support = result.scores.classes[i].support;
    html += "<tr><th scope=\"row\">" + html_escape(result.labels[i]) + "</th>";
    for (size_t j = 0; j < classes; ++j) {
      const int64_t cell = result.scores.confusion[i][j];
      const double share = support == 0 ? 0.0 : static_cast<double>(cell) / static_cast<double>(support);
      columns[j] += cell;
      html += fmt::format("<td class=\"{}{}\" style=\"--v:{:.3f}\">{}<small>{}</small></td>", i == j ? "hit" : "miss",
                          share > 0.5 ? " strong" : "", share, with_thousands(cell), percent(share));
    }
    html += fmt::format("<td class=\"sum\">{}</td></tr>\n", with_thousands(support));
  }
  html += "</tbody>\n<tfoot><tr><th scope=\"row\">all</th>";
  for (const int64_t sum : columns) html += fmt::format("<td class=\"sum\">{}</td>", with_thousands(sum));
  html += fmt::format("<td class=\"sum\">{}</td></tr></tfoot>\n</table></div>\n", with_thousands(result.scores.count));
  return {"confusion", "Confusion matrix", "Posts by truth and prediction, with the share of each truth. " + worst_confusion(result), html};
}

PageSection classes_section(const EvaluationResult& result) {
  std::string html =
      "<div class=\"scroll\" tabindex=\"0\"><table class=\"numbers\">\n<thead><tr><th scope=\"col\">class</th><th scope=\"col\" "
      "class=\"wide\"></th>"
      "<th scope=\"col\">F1</th><th scope=\"col\">precision</th><th scope=\"col\">recall</th><th scope=\"col\">support</th>"
      "<th scope=\"col\">share</th></tr></thead>\n<tbody>\n";
  for (size_t i = 0; i < result.labels.size(); ++i) {
    const auto& own = result.scores.classes[i];
    html += fmt::format(
        "<tr><th scope=\"row\">{}</th><td class=\"wide\"><span class=\"bar\"><i style=\"width:{:.1f}%\"></i></span></td><td><b>{}</b></td>"
        "<td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n",
        html_escape(result.labels[i]), 100 * own.f1, percent(own.f1), percent(own.precision), percent(own.recall),
        with_thousands(own.support), percent(static_cast<double>(own.support) / static_cast<double>(result.scores.count)));
  }
  html += fmt::format(
      "</tbody>\n<tfoot><tr><th scope=\"row\">macro mean</th><td class=\"wide\"></td><td><b>{}</b></td><td colspan=\"4\"></td></tr>"
      "<tr><th scope=\"row\">weighted mean</th><td class=\"wide\"></td><td><b>{}</b></td><td "
      "colspan=\"4\"></td></tr></tfoot>\n</table></div>\n",
      percent(result.scores.f1_macro), percent(result.scores.f1_weighted));
  return {"classes", "Classes",
          "Precision: share of the posts given this label that have it. Recall: share of the posts with this label that got it. F1: their "
          "harmonic mean.",
          html};
}

std::vector<CalibrationBin> calibration_bins(const std::vector<Prediction>& predictions) {
  std::vector<CalibrationBin> bins(kCalibrationBins);
  for (const auto& prediction : predictions) {
    if (prediction.label_id < 0) continue;
    const double top = prediction.probabilities.at(prediction.predicted_id);
    const double place = std::ceil(top * kCalibrationBins) - 1;  // bins include their upper bound: (0, 1/15], (1/15, 2/15], ...
    auto& bin = bins[static_cast<size_t>(std::clamp(place, 0.0, kCalibrationBins - 1.0))];
    ++bin.count;
    bin.confidence += top;
    bin.accuracy += prediction.label_id == prediction.predicted_id ? 1 : 0;
  }
  for (auto& bin : bins) {
    if (bin.count == 0) continue;
    bin.confidence /= static_cast<double>(bin.count);
    bin.accuracy /= static_cast<double>(bin.count);
  }
  return bins;
}

PageSection calibration_section(const EvaluationResult& result) {
  const auto bins = calibration_bins(result.predictions);
  double confidence = 0;
  for (const auto& bin : bins) confidence += bin.confidence * static_cast<double>(bin.count);
  confidence /= static_cast<double>(result.scores.count);
  const double gap = confidence - result.scores.accuracy;
  const std::string lead = fmt::format(
      "On average the model gives its answer {} and is right in {} of the posts: it is {}. Bars below the diagonal mean overconfidence.",
      percent(confidence), percent(result.scores.accuracy),
      std::abs(gap) < 0.01 ? "neither too sure nor too unsure" : (gap > 0 ? "too sure of itself" : "less sure than it could be"));
  return {"calibration", "Calibration", lead, "<div class=\"charts\">\n" + calibration_chart(bins) + "</div>\n"};
}

std::optional<PageSection> parts_section(const ReportInput& input) {
  if (input.without.empty()) return std::nullopt;
  const double majority = majority_accuracy(input.result.scores);
  std::string html =
      "<div class=\"scroll\" tabindex=\"0\"><table class=\"numbers\">\n<thead><tr><th scope=\"col\">the model sees</th>"
      "<th scope=\"col\" class=\"wide\"></th><th scope=\"col\">accuracy</th><th scope=\"col\">95\u00a0% interval<small>Wilson</small></th>"
      "<th scope=\"col\">macro F1</th><th scope=\"col\">weighted F1</th></tr></thead>\n<tbody>\n";
  html += parts_row("picture and text", input.result.scores, majority);
  for (const auto& other : input.without)
    html += parts_row(other.without == "image" ? "text alone" : "picture alone", other.scores, majority);
  return PageSection{"parts", "Picture and text", "The same model and split with one part withheld. The tick marks the majority baseline.",
                     html + "</tbody>\n</table></div>\n"};
}

std::optional<PageSection> clean_section(const ReportInput& input) {
  if (!input.result.clean) return std::nullopt;
  const CleanScores& clean = *input.result.clean;
  const auto& all = input.result.scores;
  const double majority = majority_accuracy(all);
  const auto row = [&](const char* name, const auto& scores, int64_t posts) {
    return fmt::format(
        "<tr><th scope=\"row\">{}</th><td class=\"wide\">{}</td><td>{}</td><td><b>{}</b></td><td>{:.1f} to {}</td><td>{}</td><td>{}</td>"
        "</tr>\n",
        name, interval_bar(scores.accuracy, scores.accuracy_low, scores.accuracy_high, majority), with_thousands(posts),
        percent(scores.accuracy), 100 * scores.accuracy_low, percent(scores.accuracy_high), percent(scores.f1_macro),
        percent(scores.f1_weighted));
  };
  std::string html =
      "<div class=\"scroll\" tabindex=\"0\"><table class=\"numbers\">\n<thead><tr><th scope=\"col\">posts of the split</th>"
      "<th scope=\"col\" class=\"wide\"></th><th scope=\"col\">posts</th><th scope=\"col\">accuracy</th>"
      "<th scope=\"col\">95\u00a0% interval<small>Wilson</small></th><th scope=\"col\">macro F1</th><th scope=\"col\">weighted "
      "F1</th></tr></thead>\n<tbody>\n";
  html += row("all", all, all.count) + row("without leaked ones", clean, clean.posts);
  return PageSection{
      "clean", "Without leaked posts",
      fmt::format(
          "{} of the split {} a twin (text or picture) in another one, whose answer the model may have memorised. The tick marks the "
          "majority baseline.",
          counted(all.count - clean.posts, "post"), all.count - clean.posts == 1 ? "has" : "have"),
      html + "</tbody>\n</table></div>\n"};
}

std::optional<PageSection> anchors_section(const ReportInput& input) {
  const auto& anchors = input.result.anchors;
  if (anchors.empty()) return std::nullopt;
  const auto row = [](const std::string& name, double accuracy, double f1_macro, double f1_weighted, const char* kind) {
    return fmt::format("<tr{}><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{}</td></tr>\n", kind, html_escape(name),
                       percent(accuracy), percent(f1_macro), percent(f1_weighted));
  };
  const auto& own = input.result.scores;
  std::string html =
      "<div class=\"scroll\" tabindex=\"0\"><table class=\"numbers\">\n<thead><tr><th scope=\"col\">model</th><th "
      "scope=\"col\">accuracy</th><th scope=\"col\">macro F1</th><th scope=\"col\">weighted F1</th></tr></thead>\n<tbody>\n";
  html += row("this model", own.accuracy, own.f1_macro, own.f1_weighted, " class=\"own\"");
  for (const auto& anchor : anchors) html += row(anchor.name, anchor.accuracy, anchor.f1_macro, anchor.f1_weighted, "");
  return PageSection{"anchors", "Anchors",
                     "What simple models score on the same split: logistic regression on words and on frozen features. " +
                         html_escape(verdict_of(input.result).sentence),
                     html + "</tbody>\n</table></div>\n"};
}

PageSection settings_section(const ReportInput& input) {
  return {"settings", "Settings", "Every key of the run, defaults included.",
          "<details><summary>config.yaml</summary>\n<pre tabindex=\"0\">" + html_escape(input.run.config_yaml) + "</pre>\n</details>\n"};
}

}  // namespace infig
