// The sections of report.html. A section is a function of ReportInput; html_report.cpp lists them in order.
// Implemented in report_sections.cpp, details_sections.cpp and training_section.cpp.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "evaluation/reports.h"
#include "evaluation/run_record.h"
#include "evaluation/temperature.h"
#include "pages/html.h"

namespace infig {

struct ReportInput {
  RunRecord run;
  const DataSet& data;
  EvaluationResult result;                // of the whole model
  std::vector<EvaluationResult> without;  // of the same split with a part withheld, where the run folder has it
  const ReportOptions& options;
  std::optional<Calibration> calibration = {};  // where a temperature was fitted for the checkpoint
};

// Run name, facts, cards with the key figures, one sentence that sets accuracy against the majority baseline, and notices.
std::string report_header(const ReportInput& input);

PageSection training_section(const ReportInput& input);   // dev scores, every loss part, temperatures; folded away: rate, gradient, numbers
PageSection confusion_section(const ReportInput& input);  // counts and row shares as a heat table
PageSection classes_section(const ReportInput& input);    // precision, recall, F1, support
PageSection calibration_section(const ReportInput& input);                 // accuracy by confidence
std::optional<PageSection> parts_section(const ReportInput& input);        // with and without picture or text; none where not evaluated
std::optional<PageSection> anchors_section(const ReportInput& input);      // what simple models score; none where they were not computed
std::optional<PageSection> clean_section(const ReportInput& input);        // the score without leaked posts; none where they are not known
std::optional<PageSection> intervals_section(const ReportInput& input);    // every figure with its bootstrap interval
std::optional<PageSection> slices_section(const ReportInput& input);       // by length, parts and script
std::optional<PageSection> temperature_section(const ReportInput& input);  // reliability once more, with the fitted temperature
PageSection risk_section(const ReportInput& input);                        // risk against coverage
PageSection settings_section(const ReportInput& input);                    // config.yaml, folded away

// Posts in 15 equal-width bins of their top probability, as ECE counts them.
struct CalibrationBin;
std::vector<CalibrationBin> calibration_bins(const std::vector<Prediction>& predictions);

}  // namespace infig
