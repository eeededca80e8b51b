// Which temperature a caller asks for; what is kept beside a checkpoint is read in run/calibration.h.
#pragma once

#include <filesystem>
#include <string>

#include "run/calibration.h"

namespace infig {

// What --temperature asks for: "none" is 1, "fitted" the stored one. Throws ConfigError for another word, CheckpointError where none is
// stored.
double chosen_temperature(const std::filesystem::path& run, const std::string& word);

}  // namespace infig
