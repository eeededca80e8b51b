// The temperature that a caller asks for. run/calibration.h reads the one stored with a checkpoint.
#pragma once

#include <filesystem>
#include <string>

#include "run/calibration.h"

namespace infig {

// Returns the value of --temperature: 1 for "none", the stored temperature for "fitted". Throws ConfigError for another word,
// CheckpointError if none is stored.
double chosen_temperature(const std::filesystem::path& run, const std::string& word);

}  // namespace infig
