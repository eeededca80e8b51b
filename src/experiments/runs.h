// The runs of an experiment one by one: what experiment.cpp and halving.cpp share.
#pragma once

#include <cstdint>
#include <filesystem>

#include "experiments/experiment.h"
#include "training/run_config.h"

namespace infig {

// OUT/VARIANT/seed-S.
std::filesystem::path run_folder(const ExperimentRequest& request, const Variant& variant, uint64_t seed);

// The config with the overrides of experiment and variant, the seed, and the cache of frozen features that all runs share.
RunConfig config_of(const ExperimentRequest& request, const Variant& variant, uint64_t seed);

// Trains or resumes, to the end or (pause_after_epochs > 0) for that many epochs.
void train_run(const ExperimentRequest& request, const Variant& variant, uint64_t seed, const DataSet& data, int64_t pause_after_epochs);

// Evaluates the best checkpoint on the experiment's split, unless that is done.
void score_run(const ExperimentRequest& request, const Variant& variant, uint64_t seed, const DataSet& data);

// The scores so far; also writes model-card.md of every scored run.
ExperimentScores collect(const ExperimentRequest& request, const DataSet& data, const HalvingRecord* halving);

// Whether smaller values of a dev metric are better.
bool is_lower_better(const std::string& metric);

}  // namespace infig
