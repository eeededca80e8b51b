#include "evaluation/predictions.h"

#include <csv.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>
#include <cmath>
#include <memory>

#include "core/error.h"
#include "core/files.h"
#include "data/rows.h"

namespace infig {
namespace {

using Rows = std::vector<std::vector<std::string>>;

struct ParserEnd {
  void operator()(csv_parser* parser) const { csv_free(parser); }
};

Rows parse_csv(const std::string& bytes, const std::filesystem::path& path) {
  csv_parser parser;
  if (csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI) != 0) throw ResourceError("csv: the parser could not be started");
  const std::unique_ptr<csv_parser, ParserEnd> guard(&parser);
  struct State {
    Rows rows;
    std::vector<std::string> row;
  } state;
  const auto on_field = [](void* data, size_t size, void* context) {
    static_cast<State*>(context)->row.emplace_back(static_cast<const char*>(data), size);
  };
  const auto on_row = [](int, void* context) {
    auto* self = static_cast<State*>(context);
    self->rows.push_back(std::move(self->row));
    self->row.clear();
  };
  if (csv_parse(&parser, bytes.data(), bytes.size(), on_field, on_row, &state) != bytes.size() ||
      csv_fini(&parser, on_field, on_row, &state) != 0) {
    throw DataError(fmt::format("{}: not a CSV row ({}); evaluate the run again to write the file anew",
                                line_place(path, static_cast<int64_t>(state.rows.size()) + 1), csv_strerror(csv_error(&parser))));
  }
  return std::move(state.rows);
}

std::vector<std::string> header_fields(const std::vector<std::string>& labels) {
  std::vector<std::string> fields = {"id", "label", "prediction"};
  for (const auto& label : labels) fields.push_back("p_" + label);
  return fields;
}

// Position of a cell, for messages.
struct Cell {
  const std::filesystem::path& path;
  int64_t number;  // of the row behind the header, from 1
  std::string place() const { return row_place(path, {.line = number + 1, .number = number}); }
};

int64_t parse_label(const std::string& name, const std::vector<std::string>& labels, const char* field, const Cell& cell) {
  for (size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] == name) return static_cast<int64_t>(i);
  }
  throw DataError(fmt::format("{}: {} '{}' is none of {}", cell.place(), field, name, fmt::join(labels, ", ")));
}

double parse_probability(const std::string& text, const std::string& field, const Cell& cell) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) {
    throw DataError(fmt::format("{}: {} is '{}', expected a finite number", cell.place(), field, text));
  }
  return value;
}

}  // namespace

std::string csv_field(const std::string& text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  const bool trimmed = !text.empty() && (blank(text.front()) || blank(text.back()));
  if (!trimmed && text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + "\"";
}

std::vector<std::vector<std::string>> read_csv(const std::filesystem::path& path) { return parse_csv(read_file(path), path); }

std::string prediction_header(const std::vector<std::string>& labels) {
  std::string line;
  for (const auto& field : header_fields(labels)) line += (line.empty() ? "" : ",") + csv_field(field);
  return line + "\n";
}

std::string prediction_row(const Prediction& prediction, const std::vector<std::string>& labels) {
  const auto classes = static_cast<int64_t>(labels.size());
  if (prediction.label_id < -1 || prediction.label_id >= classes || prediction.predicted_id < 0 || prediction.predicted_id >= classes ||
      prediction.probabilities.size() != labels.size()) {
    throw ShapeError(fmt::format("prediction of post '{}': label {}, prediction {} and {} probabilities do not fit {} classes",
                                 prediction.id, prediction.label_id, prediction.predicted_id, prediction.probabilities.size(), classes));
  }
  std::string line = csv_field(prediction.id) + ",";
  if (prediction.label_id >= 0) line += csv_field(labels[prediction.label_id]);
  line += "," + csv_field(labels[prediction.predicted_id]);
  for (const double probability : prediction.probabilities) line += fmt::format(",{:.9g}", probability);
  return line + "\n";
}

std::vector<Prediction> read_predictions(const std::filesystem::path& path, const std::vector<std::string>& labels) {
  const Rows rows = parse_csv(read_file(path), path);
  const auto header = header_fields(labels);
  if (rows.empty() || rows.front() != header) {
    throw DataError(fmt::format("{}, header: expected {}, found {}", path.string(), fmt::join(header, ","),
                                rows.empty() ? "an empty file" : fmt::format("{}", fmt::join(rows.front(), ","))));
  }
  std::vector<Prediction> predictions;
  predictions.reserve(rows.size() - 1);
  for (size_t i = 1; i < rows.size(); ++i) {
    const auto& row = rows[i];
    const Cell cell{path, static_cast<int64_t>(i)};
    if (row.size() != header.size()) {
      throw DataError(fmt::format("{}: {} fields, expected {}", cell.place(), row.size(), header.size()));
    }
    Prediction prediction{.id = row[0]};
    if (!row[1].empty()) prediction.label_id = parse_label(row[1], labels, "label", cell);
    prediction.predicted_id = parse_label(row[2], labels, "prediction", cell);
    for (size_t c = 3; c < row.size(); ++c) prediction.probabilities.push_back(parse_probability(row[c], header[c], cell));
    predictions.push_back(std::move(prediction));
  }
  return predictions;
}

}  // namespace infig
