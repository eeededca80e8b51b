// Runs one training run: reads a data set, writes a run folder.
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
  std::filesystem::path run;  // created if missing
  bool resume = false;        // continue from checkpoints/latest, or start if there is none; a finished run needs more epochs or patience
  bool own_resume = false;    // the caller's command continues runs by itself, so messages do not advise --resume latest
  int64_t pause_after_epochs = 0;  // save and stop after so many epochs, without changing schedule or random draws; 0: train to the end
  double time_limit = 0;           // seconds for this start: then finish the step, evaluate dev, save and stop; 0: none
  std::string description_json;    // the caller's part of description.json: version, git, command, host; seed and data hash are added
  Ranks* ranks = &Ranks::alone();  // ranks that train together: the first one writes the run folder, all read it; collective
  const std::atomic<int>* stop = nullptr;  // holds a signal's number once the run is to stop: finish the step, save, throw Interrupted
};

struct TrainOutcome {
  int64_t steps = 0;
  int64_t best_step = -1;
  double best_metric = 0;  // train.best_metric on dev; NaN without a dev split, where the last step counts as the best
  double best_f1_weighted = 0;
  bool already_finished = false;
  bool paused = false;       // pause_after_epochs is reached, now or by an earlier start
  bool out_of_time = false;  // time_limit is reached
};

// Throws ConfigError if the folder holds a run, or anything other than a feature cache.
void check_new_folder(const std::filesystem::path& run);

// Trains the run. Throws ConfigError if the folder holds a run and `resume` is not set, or was made with another config; DataError if there
// is no training post, or for a loss that is not finite, naming the posts (the last good checkpoint remains); ResourceError, also if the
// disk has too little space for the run; Interrupted. A new run that fails before its first step leaves at most the feature cache.
TrainOutcome train(const TrainRequest& request, const DataSet& data);

}  // namespace infig
