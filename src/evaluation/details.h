// Further contents of eval/SPLIT.json: more metrics, bootstrap intervals, the risk-coverage area, slices.
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
LabelledRows labelled_rows(const EvaluationResult& result);  // posts with a label, in order

// Sets result.intervals: 2,000 bootstrap replicates over the posts with a label; Wilson's interval for accuracy and for weighted recall,
// which equals it. The number of threads does not change the result.
void add_intervals(EvaluationResult& result, int64_t threads);

// Adds keys to eval/SPLIT.json: eval_{mcc,precision_macro,precision_weighted,recall_macro,recall_weighted,aurc}; if there are intervals,
// eval_NAME_ci95 = [low, high] of every metric but loss and aurc, and {f1,precision,recall}_ci95 in each element of `classes`;
// `temperature` if it is not 1; slices. `json` must already contain `classes`.
void write_details(nlohmann::ordered_json& json, const EvaluationResult& result);

// Reads these keys. What a file of an older version lacks stays empty. Throws DataError naming file and key.
void read_details(const nlohmann::json& json, const std::filesystem::path& path, EvaluationResult& result);

}  // namespace infig
