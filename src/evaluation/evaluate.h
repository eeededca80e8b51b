// A run's best checkpoint over one split of a data set: what Predictor::score says, counted.
#pragma once

#include <filesystem>

#include "core/config.h"
#include "distributed/ranks.h"
#include "evaluation/reports.h"
#include "predict/predictor.h"

namespace infig {

struct EvaluateOptions {
  LoaderOptions loader{.cache_mb = 0};
  int64_t batch_size = 64;
  PredictorOptions predictor{};    // of evaluate() that loads the run itself
  Ranks* ranks = &Ranks::alone();  // share the work; every rank gets the result; collective
  bool may_lose_pictures = false;  // --bad-image missing was typed: that no named picture can be used is no error
};

void bind_options(ConfigBinder& binder, EvaluateOptions& options);

// Throws CheckpointError (no checkpoint), DataError (a split without posts or without labels, labels other than the model's, posts that
// name pictures of which none can be used).
EvaluationResult evaluate(const Predictor& predictor, const DataSet& data, Split split, const EvaluateOptions& options);
EvaluationResult evaluate(const std::filesystem::path& run, const DataSet& data, Split split, const EvaluateOptions& options);

}  // namespace infig
