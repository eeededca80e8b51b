// A run's best checkpoint over one split of a data set.
#pragma once

#include <filesystem>

#include "core/config.h"
#include "distributed/ranks.h"
#include "evaluation/reports.h"
#include "model/models.h"
#include "model/precision.h"
#include "tensor/loader.h"

namespace infig {

struct EvaluateOptions {
  LoaderOptions loader{.cache_mb = 0};
  int64_t batch_size = 64;
  Precision precision = Precision::kAuto;
  DeviceChoice device = DeviceChoice::kAuto;
  Ranks* ranks = &Ranks::alone();  // share the work; every rank gets the result; collective
  const ModelList* models = &built_in_models();
};

void bind_options(ConfigBinder& binder, EvaluateOptions& options);

// Throws CheckpointError (no checkpoint), DataError (a split without posts or without labels, labels other than the model's).
EvaluationResult evaluate(const std::filesystem::path& run, const DataSet& data, Split split, const EvaluateOptions& options);

}  // namespace infig
