// Times training steps without a run folder, for `infig bench`.
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
  int64_t warmup = 10;                     // optimizer steps before timing starts
  int64_t steps = 40;                      // optimizer steps that are timed
  std::filesystem::path cache;             // for features of frozen encoders; shared by all ranks
  const std::atomic<int>* stop = nullptr;  // holds a signal's number once it is to stop: Interrupted is thrown after the step
  // If not null, receives the post ids of every batch in step order, up to the end of the last epoch that was begun.
  std::vector<std::vector<std::string>>* batches = nullptr;
};

struct BenchResult {
  int64_t posts = 0, batch_size = 0;  // over all ranks; batch_size: posts per step
  double seconds = 0;
  double rate() const { return static_cast<double>(posts) / seconds; }
};

// Runs the warm-up and timed steps, and records the seconds of each stage in `timer`. The result covers the timed steps. Collective.
BenchResult time_training(const RunConfig& config, const DataSet& data, const BenchPlan& plan, StageTimer& timer,
                          Ranks& ranks = Ranks::alone());

}  // namespace infig
