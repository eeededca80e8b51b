// Checks that an experiment's output folder is new or belongs to the same experiment, by experiment.json and the configs of the runs in it.
#pragma once

#include <filesystem>

#include "experiments/experiment.h"

namespace infig {

// Returns the folder for the tables of `request`. OUT (or request.tables) belongs to the first experiment started in it, which can continue
// there, also with more seeds and variants. If it is evaluated on another split, the first tables are kept and the new ones go to
// OUT/SPLIT. Throws ConfigError naming the difference if the folder holds a run, or an experiment on other posts, with another config, or
// with variants or seeds that this one lacks, whose table rows would be lost. Writes nothing.
std::filesystem::path check_experiment_folder(const ExperimentRequest& request, const DataSet& data);

}  // namespace infig
