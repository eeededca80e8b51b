// Fits a calibration temperature to the result of evaluate(), and scales a result by one.
#pragma once

#include <filesystem>
#include <string>

#include "evaluation/reports.h"
#include "run/calibration.h"

namespace infig {

// Throws ShapeError for a result that is already scaled by a temperature, or that had a side withheld.
Calibration fit_calibration(const EvaluationResult& result, const std::string& data_sha256);

// Throws ConfigError if the checkpoint has a temperature that was fitted on other posts, which one of `data` would replace.
void check_fitted_on(const std::filesystem::path& run, const std::string& data, const std::string& data_sha256);

// Scales all probabilities and recomputes what depends on them: loss, ECE, intervals. The predicted classes do not change.
void scale_by_temperature(EvaluationResult& result, double temperature);

}  // namespace infig
