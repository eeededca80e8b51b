// Whose folder it is that an experiment is to write to: experiment.json, and the configs of the runs in it, say so.
#pragma once

#include <filesystem>

#include "experiments/experiment.h"

namespace infig {

// Where the tables of `request` go. OUT (or request.tables) belongs to the first experiment that was started in it: the same one goes on
// there, also with further seeds and variants. The same one scored on another split keeps the first one's tables and has its own in
// OUT/SPLIT. Throws ConfigError naming what differs where the folder holds a run, or an experiment on other posts, with another config, or
// with variants or seeds that this one lacks, so that its tables would lose them. Writes nothing.
std::filesystem::path check_experiment_folder(const ExperimentRequest& request, const DataSet& data);

}  // namespace infig
