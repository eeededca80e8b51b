// What stands in eval/SPLIT.json beside the plain scores: further means, bootstrap intervals, risk against coverage, slices.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "evaluation/reports.h"

namespace infig {

struct LabelledRows {
  std::vector<double> probabilities;  // [N, C]
  std::vector<int64_t> labels;        // [N]
};
LabelledRows labelled_rows(const EvaluationResult& result);  // of the posts with a label, in order

// Fills `intervals`: 2,000 bootstrap replicates over the posts with a label; Wilson's for accuracy and for weighted recall, which equals
// it. `threads` changes no bit.
void add_intervals(EvaluationResult& result, int64_t threads);

// Keys of eval/SPLIT.json: eval_{mcc,precision_macro,precision_weighted,recall_macro,recall_weighted,aurc}; with `intervals`
// eval_NAME_ci95 = [low, high] of every figure but the loss, and in `classes` {f1,precision,recall}_ci95; `temperature` where it is not 1;
// slices. `json` must hold `classes` already.
void write_details(nlohmann::ordered_json& json, const EvaluationResult& result);

// The way back. What an older file lacks stays empty. Throws DataError naming file and key.
void read_details(const nlohmann::json& json, const std::filesystem::path& path, EvaluationResult& result);

}  // namespace infig
