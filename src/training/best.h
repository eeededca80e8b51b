// Compares dev evaluations by train.best_metric, and averages the best checkpoints.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <vector>

#include "metrics/classification.h"
#include "training/run_config.h"

namespace infig {

const char* metric_name(BestMetric metric);  // as messages call it: "macro F1"
const char* metric_key(BestMetric metric);   // key in metrics.jsonl: "eval_f1_macro"
double metric_value(BestMetric metric, const ClassificationScores& scores, double loss);
// Whether `value` beats `than` by more than `by`; smaller is better for loss and ece.
bool better(BestMetric metric, double value, double than, double by = 0);

// Returns the steps of the `count` best evaluations of log_history, best first; ties are broken by weighted F1, then by the earlier step.
// Evaluations whose metric is not finite are left out. Throws CheckpointError if one has no metric.
std::vector<int64_t> best_steps(const nlohmann::json& log_history, BestMetric metric, int64_t count);

// Writes RUN/checkpoints/average, a complete model folder: the mean of these checkpoints' floating-point tensors, integer tensors from the
// first, and average.json with the steps. Replaces an earlier one. Throws CheckpointError if a checkpoint is missing; ResourceError.
void write_average(const std::filesystem::path& run, const std::vector<int64_t>& steps);

}  // namespace infig
