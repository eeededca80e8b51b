// Predictions as Parquet: the flat names of JSONL and CSV as columns.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace infig {

// Makes `target`, whole or not at all, of `lines`, a file of PredictionLines (JSONL): id, label, prediction as text, p_<class> as numbers
// (null with an error), error, note as text; rows in order, in row groups of 65,536. Memory stays at one of them. Throws DataError for
// lines that are none, ResourceError, and ConfigError where this build has no Arrow.
void write_parquet_predictions(const std::filesystem::path& lines, const std::filesystem::path& target,
                               const std::vector<std::string>& labels);

}  // namespace infig
