// Fitting a run's temperature on what evaluate() found, and scaling its figures by one.
#pragma once

#include <string>

#include "evaluation/reports.h"
#include "run/calibration.h"

namespace infig {

// Throws ShapeError for a result that a temperature was already applied to, or that had a part withheld.
Calibration fit_calibration(const EvaluationResult& result, const std::string& data_sha256);

// Scales the probabilities of every prediction and computes anew what depends on them: loss, ECE, intervals. Predictions stay.
void scale_by_temperature(EvaluationResult& result, double temperature);

}  // namespace infig
