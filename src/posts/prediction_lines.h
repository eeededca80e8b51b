// Predictions as lines of a file. Flat, in JSONL and CSV alike: id, label, prediction, p_<class>..., error, note; eval/*-predictions.csv
// has the first of these.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "posts/outcome.h"

namespace infig {

enum class PredictionFormat { kJsonLines, kCsv, kNested, kParquet };

// `word`: "jsonl", "csv", "nested", "parquet"; empty: by the extension of `output` (.jsonl, .ndjson, .csv, .parquet), JSONL for "-" and for
// no output at all. Parquet into "-" or nothing is a ConfigError. Throws ConfigError.
PredictionFormat prediction_format(const std::string& word, const std::filesystem::path& output);

// The answer where no class reaches --min-confidence. A class of this name is refused with it: ConfigError.
inline constexpr const char* kNoAnswer = "none";
void check_min_confidence(double least, const std::vector<std::string>& labels);

class PredictionLines {
 public:
  // `least`: probability below which the answer is kNoAnswer; 0: whatever is most likely.
  PredictionLines(PredictionFormat format, std::vector<std::string> labels, double least = 0)
      : format_(format), labels_(std::move(labels)), least_(least) {}

  std::string header() const;  // of CSV, with its line end; empty otherwise
  // With its line end. `label`, the truth, is empty where it is unknown; `prediction` and the probabilities (null in JSONL) are empty with
  // an error; `note` says what is wrong with a picture although there is a prediction.
  //   kJsonLines  {"id", "label", "prediction", "p_<class>", ..., "error", "note"}
  //   kParquet    as kJsonLines: parquet_predictions.h makes the file of them
  //   kCsv        the same columns; probabilities with nine significant digits
  //   kNested     {"id", "label", "probabilities": {class: p, ...}, "image"}, or {"id", "error"}: `label` is the answer here
  std::string line(const Post& post, const PostOutcome& outcome) const;

 private:
  std::string answer(const PostOutcome& outcome) const;
  std::string nested(const Post& post, const PostOutcome& outcome) const;
  std::string json(const Post& post, const PostOutcome& outcome) const;
  std::string csv(const Post& post, const PostOutcome& outcome) const;

  PredictionFormat format_;
  std::vector<std::string> labels_;
  double least_;
};

}  // namespace infig
