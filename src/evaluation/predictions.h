// A model's predictions, and their table RUN/eval/SPLIT-predictions.csv: `id,label,prediction,p_<label>...`, one post per row, RFC 4180
// quoting, probabilities with nine significant digits. Equal runs give equal tables.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace infig {

struct Prediction {
  std::string id;
  int64_t label_id = -1;                   // the true label as an index into the labels; -1: none
  int64_t predicted_id = 0;                // index of the first largest probability
  std::vector<double> probabilities = {};  // [C], in label order
};

// Returns a field of a CSV row, quoted if RFC 4180 requires it or if a reader that trims blanks would change it.
std::string csv_field(const std::string& text);

// Reads all rows of a CSV file. Throws DataError naming file and row if it is malformed.
std::vector<std::vector<std::string>> read_csv(const std::filesystem::path& path);

// Single lines of the table, each with its line end, so that millions of rows can be written one by one. prediction_row throws ShapeError
// if an id is not an index into `labels` or the number of probabilities is not C.
std::string prediction_header(const std::vector<std::string>& labels);
std::string prediction_row(const Prediction& prediction, const std::vector<std::string>& labels);

// Reads the table. Throws DataError naming file, row and field for a header with other labels, a row of another length, an unknown label,
// or a probability that is not a finite number.
std::vector<Prediction> read_predictions(const std::filesystem::path& path, const std::vector<std::string>& labels);

}  // namespace infig
