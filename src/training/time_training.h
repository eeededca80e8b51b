// Steps of a training run without a run folder, for `infig bench`.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/stage_timer.h"
#include "data/post.h"
#include "distributed/ranks.h"
#include "training/run_config.h"

namespace infig {

struct BenchPlan {
  int64_t warmup = 10;          // optimizer steps that do not count
  int64_t steps = 40;           // that do
  std::filesystem::path cache;  // for features of frozen encoders; all ranks share it
  // Where given, receives the ids of the posts of every batch, in the order of the steps, to the end of the last epoch that was begun.
  std::vector<std::vector<std::string>>* batches = nullptr;
};

// Runs optimizer steps without a run folder and fills `timer` with the seconds of each stage. Returns posts/s over the steps that count,
// of all ranks together. Collective.
double time_training(const RunConfig& config, const DataSet& data, const BenchPlan& plan, StageTimer& timer, Ranks& ranks = Ranks::alone());

}  // namespace infig
