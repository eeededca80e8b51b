// What a training run would read, take and leave, from two steps of it (infig train --dry-run).
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
  int64_t posts = 0, texts = 0;      // texts: posts with one
  int64_t pictures = 0, absent = 0;  // named; named, and not there
};

struct DryRun {
  std::array<SplitContents, 3> splits;                                 // in the order of Split
  std::vector<std::pair<std::string, std::filesystem::path>> weights;  // that the run would start from, by key
  int64_t batch_size = 0, steps_per_epoch = 0, steps = 0,
          left_out = 0;     // steps: of the run, without early stopping; left_out: posts an epoch
  int64_t evaluations = 0;  // on dev
  int64_t parameters = 0, trained = 0;
  std::string device, precision;
  int threads = 0;
  double step_seconds = 0;        // mean of the two
  double evaluation_seconds = 0;  // of all of dev, from a batch of it
  double cache_seconds = 0;       // features of frozen encoders, once
  double seconds = 0;             // the whole run, without writing checkpoints
  double peak_mib = 0;            // of the process, after a step on the longest texts and the two
  double pictures_mib = 0;        // beyond it: resized pictures that are kept in memory, up to data.cache_mb
  DiskPlan disk;
  int64_t cache_bytes = 0;  // of the feature cache
  int64_t free_bytes = 0;   // where the run folder would be; -1: unknown
};

// Two steps on posts drawn by the seed, after one on the longest texts, with the vocabulary, the model and the queue of the whole run;
// `scratch` is a folder for what is cached. Throws what train() throws before its first step, and Interrupted once *stop is a signal.
DryRun dry_run(const RunConfig& config, const DataSet& data, const std::filesystem::path& run, const std::filesystem::path& scratch,
               const std::atomic<int>* stop);

}  // namespace infig
