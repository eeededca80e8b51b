// Predictions for files of posts, a row for a row, in constant memory; an interrupted run goes on where it was saved.
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
  std::filesystem::path input;     // what PostInput takes
  std::string input_format = {};   // likewise
  std::filesystem::path output;    // the file to write
  std::ostream* stream = nullptr;  // written instead of a file
  PredictionFormat format = PredictionFormat::kJsonLines;
  double min_confidence = 0;  // below it the answer is "none"
  int64_t block_rows = 4096;  // rows held in memory, and saved at once
  int64_t limit = 0;          // only so many rows, the first ones; 0: all
  bool restart = false;       // throw away what an interrupted run left
  // Everything outside this request that the bytes of the output depend on: the same output is continued by equal words alone.
  const nlohmann::json* command = nullptr;
  const std::atomic<int>* stop = nullptr;  // a signal's number once the work is to stop: Interrupted is thrown, what was saved stays
};

// Reads the tables block by block, scores them and writes a row for a row, as PredictionLines says. Scores depend a little on a batch's
// other posts, so blocks begin at the same rows whoever writes them. Several ranks (options.scoring.ranks) read the same rows and score the
// blocks in turn; the first one writes what all of them found. Progress goes to a bar, and the messages of an interrupted run to the log.
// Standard input is read once: its output is not resumed, and one rank alone can read it.
// Throws ConfigError (another command than the interrupted one's, several ranks at standard input), DataError, ResourceError, Interrupted.
PredictionCounts predict_files(const Predictor& predictor, const FilePredictionRequest& request, const PredictingOptions& options);

}  // namespace infig
