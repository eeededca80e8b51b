#include <fmt/format.h>

#include <filesystem>
#include <iterator>

#include "core/error.h"
#include "core/files.h"
#include "evaluation/gallery.h"
#include "evaluation/report_sections.h"
#include "evaluation/reports.h"

namespace infig {
namespace {

void check_range(const char* key, int64_t value, int64_t low, int64_t high) {
  if (value < low || value > high) throw ConfigError(fmt::format("report.{}: {} is not allowed; expected {} to {}", key, value, low, high));
}

ReportInput read_input(const std::filesystem::path& run_folder, const DataSet& data, const std::string& split,
                       const ReportOptions& options) {
  ReportInput input{.run = read_run_record(run_folder),
                    .data = data,
                    .result = read_evaluation(run_folder, split),
                    .without = {},
                    .options = options,
                    .calibration = {}};
  if (input.result.labels != data.labels) {
    throw DataError(fmt::format("{}: its labels are not those of data set {}; give the data set that the run was evaluated on",
                                evaluation_path(run_folder, split, "", ".json").string(), data.name));
  }
  // A run folder without its weights, as one that was sent to be read, has no checkpoint to look beside.
  if (std::filesystem::exists(run_folder / "checkpoints" / "best" / "model.safetensors")) input.calibration = read_calibration(run_folder);
  for (const std::string without : {"image", "text"}) {
    if (std::filesystem::exists(evaluation_path(run_folder, split, without, ".json"))) {
      input.without.push_back(read_evaluation(run_folder, split, without));
    }
  }
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

void write_report(const std::filesystem::path& run_folder, const DataSet& data, const std::string& split, const ReportOptions& options) {
  options.validate();
  const ReportInput input = read_input(run_folder, data, split, options);
  Page page{.title = input.run.name + " \u2013 infig report", .header = report_header(input), .sections = {}, .footer = ""};
  page.sections.push_back(training_section(input));
  page.sections.push_back(confusion_section(input));
  page.sections.push_back(classes_section(input));
  if (auto intervals = intervals_section(input)) page.sections.push_back(std::move(*intervals));
  page.sections.push_back(calibration_section(input));
  if (auto temperature = temperature_section(input)) page.sections.push_back(std::move(*temperature));
  page.sections.push_back(risk_section(input));
  if (auto slices = slices_section(input)) page.sections.push_back(std::move(*slices));
  if (auto parts = parts_section(input)) page.sections.push_back(std::move(*parts));
  if (auto clean = clean_section(input)) page.sections.push_back(std::move(*clean));
  if (auto anchors = anchors_section(input)) page.sections.push_back(std::move(*anchors));
  auto posts = gallery_sections(input.result, data, options);
  std::move(posts.begin(), posts.end(), std::back_inserter(page.sections));
  page.sections.push_back(settings_section(input));
  page.footer = "<p>Made by infig from this run folder alone; the page opens no connection.";
  if (!data.sha256.empty())
    page.footer += " Data set " + html_escape(data.name) + ", SHA-256 <code>" + html_escape(data.sha256) + "</code>.";
  page.footer += "</p>\n";
  write_file_atomic(GuardedFolder(run_folder), "report.html", render_page(page));
}

}  // namespace infig
