// The sections of report.html. A section is a function of ReportInput; html_report.cpp lists them in order.
// Implemented in report_sections.cpp, evaluations_section.cpp, details_sections.cpp and training_section.cpp.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "evaluation/reports.h"
#include "evaluation/run_record.h"
#include "evaluation/shown_posts.h"
#include "evaluation/temperature.h"
#include "pages/html.h"

namespace infig {

// One of a run's evaluations as the page has it.
struct ReportedEvaluation {
  StoredEvaluation stored;
  EvaluationResult result;
  std::optional<ShownPosts> posts = {};  // where they are stored beside it
};

struct ReportInput {
  RunRecord run;
  StoredEvaluation stored;                 // of the head: the run's own test split, or what was evaluated last where there is none
  EvaluationResult result;                 // of the whole model
  std::vector<EvaluationResult> without;   // of the same data set and split with a part withheld, where the run folder has it
  std::vector<ReportedEvaluation> others;  // all that are neither
  double dev_majority = 0;                 // share of dev's largest class, which dev accuracy is read against; 0: not known
  std::vector<std::string> outdated = {};  // a sentence for each evaluation of a checkpoint that is no longer the best
  const ReportOptions& options;
  std::optional<Calibration> calibration = {};  // where a temperature was fitted for the checkpoint
};

// Run name, facts, cards with the key figures, the verdict in a sentence, and notices.
std::string report_header(const ReportInput& input);

// <p>: how many posts are classified rightly, and the verdict.
std::string right_and_verdict(const EvaluationResult& result);

std::optional<PageSection> evaluations_section(const ReportInput& input);  // a line for each; none where there is one alone
PageSection training_section(const ReportInput& input);  // dev scores, every loss part, temperatures; folded away: rate, gradient, numbers
PageSection confusion_section(const EvaluationResult& result);             // counts and row shares as a heat table
PageSection classes_section(const EvaluationResult& result);               // precision, recall, F1, support
PageSection calibration_section(const EvaluationResult& result);           // accuracy by confidence
std::optional<PageSection> parts_section(const ReportInput& input);        // with and without picture or text; none where not evaluated
std::optional<PageSection> anchors_section(const ReportInput& input);      // what simple models score; none where they were not computed
std::optional<PageSection> clean_section(const ReportInput& input);        // the score without leaked posts; none where they are not known
std::optional<PageSection> intervals_section(const ReportInput& input);    // every figure with its interval
std::optional<PageSection> slices_section(const ReportInput& input);       // by length, parts and script
std::optional<PageSection> temperature_section(const ReportInput& input);  // reliability once more, with the fitted temperature
PageSection risk_section(const ReportInput& input);                        // risk against coverage
PageSection settings_section(const ReportInput& input);                    // config.yaml, folded away

// Scores, confusion, classes, calibration and posts of an evaluation that is not the head; `number` makes its id.
PageSection other_section(const ReportedEvaluation& other, int64_t number, const RunRecord& run, const ReportOptions& options);

// "postcards", or the run's own data set where an older file does not say.
std::string data_name(const StoredEvaluation& stored, const RunRecord& run);

// Posts in 15 equal-width bins of their top probability, as ECE counts them.
struct CalibrationBin;
std::vector<CalibrationBin> calibration_bins(const std::vector<Prediction>& predictions);

}  // namespace infig
