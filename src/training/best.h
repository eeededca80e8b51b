// Which evaluation on dev is the best: train.best_metric, and the checkpoints that are averaged.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <vector>

#include "metrics/classification.h"
#include "training/run_config.h"

namespace infig {

const char* metric_name(BestMetric metric);  // for messages: "macro F1"
const char* metric_key(BestMetric metric);   // in metrics.jsonl: "eval_f1_macro"
double metric_value(BestMetric metric, const ClassificationScores& scores, double loss);
bool better(BestMetric metric, double value, double than);  // loss and ece: the smaller

// Steps of the `count` best evaluations of log_history, the best first; ties go to the weighted F1, then to the earlier.
std::vector<int64_t> best_steps(const nlohmann::json& log_history, BestMetric metric, int64_t count);

// RUN/checkpoints/average: the mean of the floating tensors of these checkpoints (integers are of the first), as whole as a checkpoint's
// model, with average.json saying what went in. Replaces an earlier one. Throws CheckpointError where one is absent, ResourceError.
void write_average(const std::filesystem::path& run, const std::vector<int64_t>& steps);

}  // namespace infig
