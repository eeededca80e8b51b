// Evaluates a run's best checkpoint on one split of a data set.
#pragma once

#include <atomic>
#include <filesystem>

#include "core/config.h"
#include "distributed/ranks.h"
#include "evaluation/reports.h"
#include "predict/predictor.h"

namespace infig {

struct EvaluateOptions {
  LoaderOptions loader{.cache_mb = 0};
  int64_t batch_size = 64;
  PredictorOptions predictor{};            // for the evaluate() that loads the run itself
  Ranks* ranks = &Ranks::alone();          // share the work; every rank gets the result; collective
  const std::atomic<int>* stop = nullptr;  // holds a signal's number once the work is to stop: throws Interrupted
  std::filesystem::path feature_cache{};   // where trainings have left features of frozen networks; empty: all are computed
  bool may_lose_pictures = false;          // --bad-image missing was given explicitly: it is no error that no picture can be used
};

void bind_options(ConfigBinder& binder, EvaluateOptions& options);

// The data set with what the model's keys add to its posts (ModelOptions::complete_posts). `captions`: a file in place of captions.file;
// empty: that one. Throws ConfigError for such a file where the model reads no captions.
DataSet completed(const Predictor& predictor, const DataSet& data, const std::string& captions = "");

// The first evaluates the posts as they are, the second completes them.
// Throws CheckpointError if there is no checkpoint; DataError if the split has no posts or no labels, if its labels are not the model's, or
// if posts name pictures but none of these can be used.
EvaluationResult evaluate(const Predictor& predictor, const DataSet& data, Split split, const EvaluateOptions& options);
EvaluationResult evaluate(const std::filesystem::path& run, const DataSet& data, Split split, const EvaluateOptions& options);

}  // namespace infig
