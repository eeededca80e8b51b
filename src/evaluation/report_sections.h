// The sections of report.html. Each is a function of ReportInput; html_report.cpp puts them in order.
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

// An evaluation of the run, as the page shows it.
struct ReportedEvaluation {
  StoredEvaluation stored;
  EvaluationResult result;
  std::optional<ShownPosts> posts = {};  // if they are stored with it
};

struct ReportInput {
  RunRecord run;
  StoredEvaluation stored;                 // of the main evaluation: the run's own test split, or else what was evaluated last
  EvaluationResult result;                 // of the main evaluation
  std::vector<EvaluationResult> without;   // on the same data set and split with one side withheld, if evaluated
  std::vector<ReportedEvaluation> others;  // all other evaluations
  double dev_majority = 0;                 // share of dev's largest class, for comparison with dev accuracy; 0: unknown
  std::vector<std::string> outdated = {};  // a sentence per evaluation of a checkpoint that is no longer the best
  const ReportOptions& options;
  std::optional<Calibration> calibration = {};  // if a temperature was fitted for the checkpoint
};

// Run name, key facts, cards with the main metrics, the verdict, and notices.
std::string report_header(const ReportInput& input);

// A <p> with the number of correctly classified posts and the verdict.
std::string right_and_verdict(const EvaluationResult& result);

std::optional<PageSection> evaluations_section(const ReportInput& input);  // a line for each; none if there is only one
PageSection training_section(const ReportInput& input);         // dev scores, losses, temperatures; collapsed: rate, gradient norm, numbers
PageSection confusion_section(const EvaluationResult& result);  // counts and row shares as a heat map
PageSection classes_section(const EvaluationResult& result);    // precision, recall, F1, support
PageSection calibration_section(const EvaluationResult& result);           // accuracy by confidence
std::optional<PageSection> parts_section(const ReportInput& input);        // with and without picture or text; none if not evaluated
std::optional<PageSection> anchors_section(const ReportInput& input);      // scores of simple models; none if not computed
std::optional<PageSection> clean_section(const ReportInput& input);        // score without leaked posts; none if these are unknown
std::optional<PageSection> intervals_section(const ReportInput& input);    // every metric with its interval
std::optional<PageSection> slices_section(const ReportInput& input);       // by text length, by sides present, by script
std::optional<PageSection> temperature_section(const ReportInput& input);  // reliability diagram with the fitted temperature
PageSection risk_section(const ReportInput& input);                        // risk-coverage curve
PageSection settings_section(const ReportInput& input);                    // config.yaml, collapsed

// Scores, confusion, classes, calibration and posts of an evaluation other than the main one. Its HTML id is made from `number`.
PageSection other_section(const ReportedEvaluation& other, int64_t number, const RunRecord& run, const ReportOptions& options);

// "postcards"; the run's own data set if an older file does not name one.
std::string data_name(const StoredEvaluation& stored, const RunRecord& run);

// Posts in 15 equal-width bins of their top probability, as ECE counts them.
struct CalibrationBin;
std::vector<CalibrationBin> calibration_bins(const std::vector<Prediction>& predictions);

}  // namespace infig
