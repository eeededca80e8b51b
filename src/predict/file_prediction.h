// Predictions for files of posts, a row for a row, in constant memory; an interrupted run goes on where it was saved.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>

#include "predict/predictor.h"

namespace infig {

struct FilePredictionRequest {
  std::filesystem::path input;   // what tables_of() takes
  std::filesystem::path output;  // .jsonl or .csv
  int64_t block_rows = 4096;     // rows held in memory, and saved at once
  int64_t limit = 0;             // only so many rows, the first ones; 0: all
  bool restart = false;          // throw away what an interrupted run left
  // Everything outside this request that the bytes of the output depend on: the same output is continued by equal words alone.
  const nlohmann::json* command = nullptr;
  const std::atomic<int>* stop = nullptr;  // a signal's number once the work is to stop: Interrupted is thrown, what was saved stays
};

struct FilePredictionResult {
  int64_t rows = 0, faults = 0;  // written, and those among them without a prediction
};

// Reads the tables block by block, scores them and writes a row for a row:
//   .jsonl  {"id", "label", "probabilities": {LABEL: p, ...}, "image": "STATUS: REASON"} (the last where a picture is not whole), or
//           {"id", "error"}
//   .csv    id,prediction,p_<label>...,note
// Scores depend a little on a batch's other posts, so blocks begin at the same rows whoever writes them. Several ranks
// (options.scoring.ranks) read the same rows and score the blocks in turn; the first one writes what all of them found. Progress goes to a
// bar, and the messages of an interrupted run to the log.
// Throws ConfigError (another extension, another command than the interrupted one's), DataError, ResourceError, Interrupted.
FilePredictionResult predict_files(const Predictor& predictor, const FilePredictionRequest& request, const PredictingOptions& options);

// The line of one post in a .jsonl file, with its line end.
std::string prediction_line(const std::string& id, const PostOutcome& outcome, const std::vector<std::string>& labels);

}  // namespace infig
