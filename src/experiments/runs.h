// Single runs of an experiment, for experiment.cpp and halving.cpp.
#pragma once

#include <cstdint>
#include <filesystem>

#include "experiments/experiment.h"
#include "training/run_config.h"

namespace infig {

// OUT/VARIANT/seed-S.
std::filesystem::path run_folder(const ExperimentRequest& request, const Variant& variant, uint64_t seed);

// The config with the overrides of experiment and variant, the seed, and the feature cache that all runs share.
RunConfig config_of(const ExperimentRequest& request, const Variant& variant, uint64_t seed);

// Trains or resumes a run: to the end, or up to epoch pause_after_epochs if that is > 0.
void train_run(const ExperimentRequest& request, const Variant& variant, uint64_t seed, const DataSet& data, int64_t pause_after_epochs);

// Evaluates the best checkpoint on the experiment's split, unless this is already done.
void score_run(const ExperimentRequest& request, const Variant& variant, uint64_t seed, const DataSet& data);

// Collects the scores of finished runs, and writes the model-card.md of each.
ExperimentScores collect(const ExperimentRequest& request, const DataSet& data, const HalvingRecord* halving);

// Whether smaller values of a dev metric are better.
bool is_lower_better(const std::string& metric);

}  // namespace infig
