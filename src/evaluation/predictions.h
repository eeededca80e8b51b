// What a model said about posts, and the table of it (RUN/eval/SPLIT-predictions.csv): `id,label,prediction,p_<label>...`, one post
// a row, RFC 4180 quoting, probabilities with nine significant digits. Nothing in it differs between equal runs.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace infig {

struct Prediction {
  std::string id;
  int64_t label_id = -1;                   // the truth as index into the labels; -1: the post has none
  int64_t predicted_id = 0;                // index of the first largest probability
  std::vector<double> probabilities = {};  // [C], in label order
};

// One field of a CSV row, quoted where RFC 4180 (or a reader that trims blanks) needs it.
std::string csv_field(const std::string& text);

// All rows of a CSV file. Throws DataError naming file and row where it is none.
std::vector<std::vector<std::string>> read_csv(const std::filesystem::path& path);

// The lines of the table, each with its line end: for writing millions of rows one by one.
// prediction_row throws ShapeError where ids lie outside `labels` or there are not C probabilities.
std::string prediction_header(const std::vector<std::string>& labels);
std::string prediction_row(const Prediction& prediction, const std::vector<std::string>& labels);

// Reads the table back. Throws DataError naming file, row and field: a header of other labels, a row of another length, an unknown
// label, a probability that is no finite number.
std::vector<Prediction> read_predictions(const std::filesystem::path& path, const std::vector<std::string>& labels);

}  // namespace infig
