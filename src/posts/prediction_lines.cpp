#include "posts/prediction_lines.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

#include "core/error.h"

namespace infig {
namespace {

// What a message quotes of a file's name need not be UTF-8.
std::string text_of(const nlohmann::ordered_json& line) {
  return line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

std::string note_of(const PostOutcome& outcome) {
  return outcome.ok() && !outcome.picture.empty() ? "image " + outcome.picture : std::string();
}

}  // namespace

PredictionFormat prediction_format(const std::string& word, const std::filesystem::path& output) {
  const bool stream = output.empty() || output == kStandardInput;
  if (word == "jsonl") return PredictionFormat::kJsonLines;
  if (word == "csv") return PredictionFormat::kCsv;
  if (word == "nested") return PredictionFormat::kNested;
  if (word == "parquet" && stream) throw ConfigError("--format parquet: is written into a file alone; name it with --output FILE.parquet");
  if (word == "parquet") return PredictionFormat::kParquet;
  if (!word.empty()) throw ConfigError(fmt::format("--format: \"{}\", expected jsonl, csv, nested or parquet", word));
  if (stream) return PredictionFormat::kJsonLines;
  std::string extension = output.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(), [](unsigned char c) { return std::tolower(c); });
  if (extension == ".jsonl" || extension == ".ndjson") return PredictionFormat::kJsonLines;
  if (extension == ".csv") return PredictionFormat::kCsv;
  if (extension == ".parquet") return PredictionFormat::kParquet;
  throw ConfigError(
      fmt::format("--output {}: expected a .jsonl, .csv or .parquet file, or --format jsonl, csv, nested or parquet", output.string()));
}

void check_min_confidence(double least, const std::vector<std::string>& labels) {
  if (!(least >= 0 && least <= 1)) throw ConfigError(fmt::format("--min-confidence {}: expected a probability, 0 to 1", least));
  if (least > 0 && std::find(labels.begin(), labels.end(), kNoAnswer) != labels.end()) {
    throw ConfigError(
        fmt::format("--min-confidence: the model has a class \"{}\", which would read as no answer; leave it out", kNoAnswer));
  }
}

std::string PredictionLines::header() const {
  if (format_ != PredictionFormat::kCsv) return "";
  std::string header = "id,label,prediction";
  for (const auto& label : labels_) header += "," + csv_cell("p_" + label);
  return header + ",error,note\n";
}

std::string PredictionLines::line(const Post& post, const PostOutcome& outcome) const {
  switch (format_) {
    case PredictionFormat::kJsonLines:
    case PredictionFormat::kParquet:
      return json(post, outcome);
    case PredictionFormat::kCsv:
      return csv(post, outcome);
    case PredictionFormat::kNested:
      break;
  }
  return nested(post, outcome);
}

std::string PredictionLines::answer(const PostOutcome& outcome) const {
  if (!outcome.ok()) return "";
  const int64_t found = answer_of(outcome, least_);
  return found < 0 ? kNoAnswer : labels_.at(static_cast<size_t>(found));
}

std::string PredictionLines::json(const Post& post, const PostOutcome& outcome) const {
  nlohmann::ordered_json line;
  line["id"] = post.id;
  line["label"] = post.label;
  line["prediction"] = answer(outcome);
  for (size_t c = 0; c < labels_.size(); ++c) {
    nlohmann::ordered_json& cell = line["p_" + labels_[c]];
    if (outcome.ok()) cell = outcome.probabilities.at(c);
  }
  line["error"] = outcome.message;
  line["note"] = note_of(outcome);
  return text_of(line);
}

std::string PredictionLines::csv(const Post& post, const PostOutcome& outcome) const {
  std::string line = csv_cell(post.id) + "," + csv_cell(post.label) + "," + csv_cell(answer(outcome));
  for (size_t c = 0; c < labels_.size(); ++c) line += outcome.ok() ? fmt::format(",{:.9g}", outcome.probabilities.at(c)) : ",";
  return line + "," + csv_cell(outcome.message) + "," + csv_cell(note_of(outcome)) + "\n";
}

std::string PredictionLines::nested(const Post& post, const PostOutcome& outcome) const {
  nlohmann::ordered_json line;
  line["id"] = post.id;
  if (!outcome.ok()) {
    line["error"] = outcome.message;
    return text_of(line);
  }
  line["label"] = answer(outcome);
  for (size_t c = 0; c < labels_.size(); ++c) line["probabilities"][labels_[c]] = outcome.probabilities.at(c);
  if (!outcome.picture.empty()) line["image"] = outcome.picture;
  return text_of(line);
}

}  // namespace infig
