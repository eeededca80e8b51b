// One training run: data in, run folder out.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "core/stage_timer.h"
#include "data/post.h"
#include "distributed/ranks.h"
#include "training/run_config.h"

namespace infig {

struct TrainRequest {
  RunConfig config;
  std::filesystem::path run;               // made if absent
  bool resume = false;                     // continue from checkpoints/latest; start where there is none; nothing to do on a finished run
  int64_t pause_after_epochs = 0;          // stop there, saved, as if to be resumed; 0: train to the end. Changes no schedule and no draw
  double time_limit = 0;                   // seconds of this start: the step is then ended, dev evaluated, all saved; 0: none
  std::string description_json;            // what the caller knows of the run: version, git, command, host; seed and data hash are added
  Ranks* ranks = &Ranks::alone();          // that train it together: the first one writes, all read the run folder; collective
  const std::atomic<int>* stop = nullptr;  // a signal's number once the run is to stop: the step is ended, saved, and Interrupted thrown
};

struct TrainOutcome {
  int64_t steps = 0;
  int64_t best_step = -1;
  double best_metric = 0;  // train.best_metric on dev; NaN without a dev split, where the last step is the best
  double best_f1_weighted = 0;
  bool already_finished = false;
  bool paused = false;       // at pause_after_epochs, now or earlier
  bool out_of_time = false;  // at time_limit
};

// Throws ConfigError where the folder holds a run, or anything else than a feature cache.
void check_new_folder(const std::filesystem::path& run);

// Throws ConfigError (run folder there without resume; resumed with another config), DataError (no training post; a loss that is not
// finite, naming the posts; the last good checkpoint stays), ResourceError (a disk with less room than the run needs, too), Interrupted.
// A new run that fails before its first step leaves no folder, or no more in it than the feature cache.
TrainOutcome train(const TrainRequest& request, const DataSet& data);

}  // namespace infig
