#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <numeric>
#include <utility>

#include "core/error.h"
#include "core/files.h"
#include "core/log.h"
#include "evaluation/gallery.h"
#include "evaluation/report_sections.h"
#include "evaluation/reports.h"

namespace infig {
namespace {

void check_range(const char* key, int64_t value, int64_t low, int64_t high) {
  if (value < low || value > high) throw ConfigError(fmt::format("report.{}: {} is not allowed; expected {} to {}", key, value, low, high));
}

bool same_place(const StoredEvaluation& a, const StoredEvaluation& b) {
  return a.folder == b.folder && a.split == b.split && a.without == b.without;
}

// Returns the share of dev's largest class in the run's own data set, from the counts in one of its evaluations; 0 if unknown.
double dev_majority(const std::vector<std::pair<StoredEvaluation, const EvaluationResult*>>& all) {
  for (const auto& [stored, result] : all) {
    if (!stored.own()) continue;
    for (const SplitCount& one : result->data_counts) {
      const int64_t labelled = std::accumulate(one.of_label.begin(), one.of_label.end(), int64_t{0});
      if (one.split != "dev" || labelled == 0) continue;
      return static_cast<double>(*std::max_element(one.of_label.begin(), one.of_label.end())) / static_cast<double>(labelled);
    }
  }
  return 0;
}

// An unreadable file is only left out: the page of the other evaluations must still be made.
void read_other(const std::filesystem::path& run_folder, const StoredEvaluation& stored, ReportInput& input) {
  try {
    EvaluationResult result = read_evaluation(run_folder, stored);
    if (stored.folder == input.stored.folder && stored.split == input.stored.split && !stored.without.empty()) {
      input.without.push_back(std::move(result));
      return;
    }
    auto posts = read_shown_posts(run_folder, stored, std::ssize(result.labels));
    input.others.push_back({.stored = stored, .result = std::move(result), .posts = std::move(posts)});
  } catch (const DataError& error) {
    log_warning("report.html: an evaluation is left out: {}", error.what());
  }
}

ReportInput read_input(const std::filesystem::path& run_folder, const StoredEvaluation& shown, const ReportOptions& options) {
  const std::vector<StoredEvaluation> all = stored_evaluations(run_folder);
  const auto own_test =
      std::find_if(all.begin(), all.end(), [](const auto& one) { return one.own() && one.split == "test" && one.without.empty(); });
  const StoredEvaluation head = own_test == all.end() ? shown : *own_test;
  ReportInput input{.run = read_run_record(run_folder),
                    .stored = head,
                    .result = read_evaluation(run_folder, head),
                    .without = {},
                    .others = {},
                    .options = options,
                    .calibration = {}};
  // A run folder that was passed on without its weights has no calibration either.
  if (std::filesystem::exists(run_folder / "checkpoints" / "best" / "model.safetensors")) input.calibration = read_calibration(run_folder);
  for (const StoredEvaluation& one : all) {
    if (!same_place(one, head)) read_other(run_folder, one, input);
  }
  for (const StoredEvaluation& one : all) {
    const std::string best = outdated_by(run_folder, one);
    if (!best.empty())
      input.outdated.push_back(
          fmt::format("The figures of {}, {}{} are those of {}; the best checkpoint is {} now: evaluate the run again.",
                      data_name(one, input.run), one.split, one.without.empty() ? "" : " without " + one.without, one.checkpoint, best));
  }
  std::vector<std::pair<StoredEvaluation, const EvaluationResult*>> read = {{head, &input.result}};
  for (const ReportedEvaluation& one : input.others) read.emplace_back(one.stored, &one.result);
  input.dev_majority = dev_majority(read);
  return input;
}

}  // namespace

void ReportOptions::validate() const {
  check_range("right_posts", right_posts, 0, 1000);
  check_range("wrong_posts", wrong_posts, 0, 1000);
  check_range("thumbnail", thumbnail, 16, 2048);
  check_range("jpeg_quality", jpeg_quality, 1, 100);
  check_range("max_pixels", max_pixels, 1, INT64_MAX);
  check_range("threads", threads, 1, 1024);
}

void write_report(const std::filesystem::path& run_folder, const DataSet& data, const StoredEvaluation& shown,
                  const ReportOptions& options) {
  options.validate();
  write_shown_posts(choose_posts(read_evaluation(run_folder, shown), data, options), shown, run_folder);
  const ReportInput input = read_input(run_folder, shown, options);
  Page page{.title = input.run.name + " \u2013 infig report", .header = report_header(input), .sections = {}, .footer = ""};
  const auto add = [&page](std::optional<PageSection> section) {
    if (section) page.sections.push_back(std::move(*section));
  };
  add(evaluations_section(input));
  add(training_section(input));
  add(confusion_section(input.result));
  add(classes_section(input.result));
  add(intervals_section(input));
  add(calibration_section(input.result));
  add(temperature_section(input));
  add(risk_section(input));
  add(slices_section(input));
  add(parts_section(input));
  add(clean_section(input));
  add(anchors_section(input));
  if (const auto posts = read_shown_posts(run_folder, input.stored, std::ssize(input.result.labels))) {
    for (PageSection& section : gallery_sections(*posts, input.result.labels, options)) add(std::move(section));
  }
  int64_t number = 1;
  for (const ReportedEvaluation& other : input.others) {
    if (other.stored.without.empty()) add(other_section(other, ++number, input.run, options));
  }
  add(settings_section(input));
  page.footer = "<p>Made by infig from this run folder alone; the page opens no connection.";
  if (!input.run.data_sha256.empty())
    page.footer += fmt::format(" Trained on {}, SHA-256 <code>{}</code>.", html_escape(input.run.data), html_escape(input.run.data_sha256));
  if (!input.result.data_sha256.empty() && input.result.data_sha256 != input.run.data_sha256)
    page.footer +=
        fmt::format(" Evaluated on {}, SHA-256 <code>{}</code>.", html_escape(input.result.data), html_escape(input.result.data_sha256));
  page.footer += "</p>\n";
  write_file_atomic(GuardedFolder(run_folder), "report.html", render_page(page));
}

}  // namespace infig
