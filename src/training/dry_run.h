// Estimates what a training run would read, its time, memory and disk space, by running a few of its steps (infig train --dry-run).
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "data/post.h"
#include "training/disk_plan.h"
#include "training/run_config.h"

namespace infig {

struct SplitContents {
  int64_t posts = 0, texts = 0;      // texts: posts that have one
  int64_t pictures = 0, absent = 0;  // pictures named by posts; those of them that do not exist
};

struct DryRun {
  std::array<SplitContents, 3> splits;                                 // indexed by Split
  std::vector<std::pair<std::string, std::filesystem::path>> weights;  // files that the run would start from, by key
  int64_t batch_size = 0, steps_per_epoch = 0, steps = 0,
          left_out = 0;     // steps: of the run, without early stopping; left_out: posts per epoch
  int64_t evaluations = 0;  // number of evaluations on dev
  int64_t parameters = 0, trained = 0;
  std::string device, precision;
  int threads = 0;
  double step_seconds = 0;        // mean of the two timed steps
  double evaluation_seconds = 0;  // for all of dev, extrapolated from one batch
  double cache_seconds = 0;       // to compute the features of frozen encoders once
  int64_t timed_pictures = 0;     // pictures that cache_seconds was extrapolated from, where a picture takes many passes; else 0
  double seconds = 0;             // the whole run, except for writing checkpoints
  double peak_mib = 0;            // peak memory of the process after all steps, one of them on the longest texts
  double pictures_mib = 0;        // in addition: resized pictures kept in memory, up to data.cache_mb
  DiskPlan disk;
  int64_t cache_bytes = 0;  // of the feature cache
  int64_t free_bytes = 0;   // on the disk of the run folder; -1: unknown
};

// Runs one step on the longest texts and then two timed steps on posts drawn by the seed, with the vocabulary, model and queue size of the
// real run. Cached features go to the folder `scratch`. Throws what train() throws before its first step, and Interrupted once *stop holds
// a signal's number.
DryRun dry_run(const RunConfig& config, const DataSet& data, const std::filesystem::path& run, const std::filesystem::path& scratch,
               const std::atomic<int>* stop);

}  // namespace infig
