// Steps of a training run without a run folder, for `infig bench`.
#pragma once

#include <atomic>
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
  int64_t warmup = 10;                     // optimizer steps that do not count
  int64_t steps = 40;                      // that do
  std::filesystem::path cache;             // for features of frozen encoders; all ranks share it
  const std::atomic<int>* stop = nullptr;  // a signal's number once it is to end: after the step, with Interrupted
  // Where given, receives the ids of the posts of every batch, in the order of the steps, to the end of the last epoch that was begun.
  std::vector<std::vector<std::string>>* batches = nullptr;
};

struct BenchResult {
  int64_t posts = 0, batch_size = 0;  // of all ranks together; batch_size: posts a step
  double seconds = 0;
  double rate() const { return static_cast<double>(posts) / seconds; }
};

// Runs optimizer steps without a run folder and fills `timer` with the seconds of each stage. The result is of the steps that count.
// Collective.
BenchResult time_training(const RunConfig& config, const DataSet& data, const BenchPlan& plan, StageTimer& timer,
                          Ranks& ranks = Ranks::alone());

}  // namespace infig
