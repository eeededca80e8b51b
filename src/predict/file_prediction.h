// Predicts files of posts, one output row per input row, in constant memory. An interrupted run continues from its last save.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <ostream>
#include <string>

#include "posts/post_counts.h"
#include "posts/prediction_lines.h"
#include "predict/predictor.h"

namespace infig {

struct FilePredictionRequest {
  std::filesystem::path input;     // see PostInput
  TableReading reading = {};       // see PostInput
  std::filesystem::path output;    // the file to write
  std::ostream* stream = nullptr;  // if not null, written instead of the file
  PredictionFormat format = PredictionFormat::kJsonLines;
  double min_confidence = 0;            // below this the answer is "none"
  int64_t block_rows = 4096;            // rows per block, which is held in memory and written as a unit
  int64_t limit = 0;                    // only the first so many rows; 0: all
  std::filesystem::path captions = {};  // of the rows' pictures, by id (data/captions.h), held in memory; empty: none
  bool restart = false;                 // discard what an interrupted run left
  // All other settings that the output depends on. An interrupted output is continued only if this is equal.
  const nlohmann::json* command = nullptr;
  const std::atomic<int>* stop = nullptr;  // holds a signal's number once the work is to stop: throws Interrupted, keeping what is saved
};

// Reads the tables in blocks, scores them and writes one row per input row (see PredictionLines). Scores depend slightly on the other posts
// of a batch, so blocks begin at the same rows for any number of ranks. Several ranks (options.scoring.ranks) all read the rows and take
// turns scoring blocks; the first rank writes all results. Progress is shown as a bar; messages about an interrupted run go to the log.
// What one rank has scored of a block is saved every 5 seconds and when it is asked to stop: these batches are not computed again.
// Parquet is written once all rows are there: until then OUTPUT.partial holds them as JSONL.
// Standard input can be read only once: its output cannot be resumed, and only a single rank can read it. Throws ConfigError if the
// interrupted run was another command or if several ranks read standard input; DataError, ResourceError, Interrupted.
PredictionCounts predict_files(const Predictor& predictor, const FilePredictionRequest& request, const PredictingOptions& options);

}  // namespace infig
