// A temperature that makes a run's probabilities honest: fitted on dev, kept beside the best checkpoint, used where asked for.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "evaluation/reports.h"
#include "run/calibration.h"

namespace infig {

// Throws ShapeError for a result that a temperature was already applied to, or that had a part withheld.
Calibration fit_calibration(const EvaluationResult& result, const std::string& data_sha256);

// What --temperature asks for: "none" is 1, "fitted" the stored one. Throws ConfigError for another word, CheckpointError where none is
// stored.
double chosen_temperature(const std::filesystem::path& run, const std::string& word);

// Scales the probabilities of every prediction and computes anew what depends on them: loss, ECE, intervals. Predictions stay.
void scale_by_temperature(EvaluationResult& result, double temperature);

}  // namespace infig
