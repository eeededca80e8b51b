#include "evaluation/reports.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <ostream>
#include <string_view>
#include <unordered_set>

#include "core/error.h"
#include "core/files.h"
#include "core/json.h"
#include "evaluation/details.h"

namespace infig {
namespace {

// Keys of classes have the same prefix as those of means: eval_f1_macro must be the mean even if a class is called "macro".
bool key_is_taken(const std::string& label) {
  return label == "macro" || label == "weighted" || label == "macro_ci95" || label == "weighted_ci95";
}

nlohmann::ordered_json anchors_json(const std::vector<AnchorLine>& anchors) {
  auto list = nlohmann::ordered_json::array();
  for (const auto& anchor : anchors) {
    list.push_back(
        {{"name", anchor.name}, {"accuracy", anchor.accuracy}, {"f1_macro", anchor.f1_macro}, {"f1_weighted", anchor.f1_weighted}});
  }
  return list;
}

// {"train": {"posts": 3, "labels": {"positive": 1, ...}}, ...}, as in dataset.json.
nlohmann::ordered_json counts_json(const EvaluationResult& result) {
  auto counts = nlohmann::ordered_json::object();
  for (const SplitCount& one : result.data_counts) {
    auto labels = nlohmann::ordered_json::object();
    for (size_t i = 0; i < result.labels.size(); ++i) labels[result.labels[i]] = one.of_label.at(i);
    counts[one.split] = {{"posts", one.posts}, {"labels", labels}};
  }
  return counts;
}

void write_selective(nlohmann::ordered_json& json, const SelectiveScores& selective) {
  json["eval_min_confidence"] = selective.min_confidence;
  json["eval_coverage"] = selective.coverage();
  json["eval_answered"] = selective.answered;
  const auto accuracy = selective.accuracy();
  json["eval_accuracy_at_min_confidence"] = accuracy ? nlohmann::ordered_json(accuracy->value) : nlohmann::ordered_json();
  if (accuracy) json["eval_accuracy_at_min_confidence_ci95"] = {accuracy->low, accuracy->high};
}

void write_input_counts(nlohmann::ordered_json& json, const EvaluationResult& result) {
  json["images_missing"] = result.images_missing;
  json["images_truncated"] = result.images_truncated;
  json["images_skipped"] = result.images_skipped;
  json["texts_missing"] = result.texts_missing;
  json.update(result.pictures.json());
  json["posts_empty"] = result.posts_empty;
  json["rows_left_out"] = result.rows_left_out;
}

nlohmann::ordered_json evaluation_json(const EvaluationResult& result) {
  const auto& scores = result.scores;
  nlohmann::ordered_json json;
  json["data"] = result.data;
  json["data_sha256"] = result.data_sha256;
  if (!result.data_counts.empty()) json["data_counts"] = counts_json(result);
  if (!result.checkpoint.empty()) json["checkpoint"] = result.checkpoint;
  json["split"] = result.split;
  if (!result.without.empty()) json["without"] = result.without;
  if (!result.trained_without.empty()) json["trained_without"] = result.trained_without;
  if (!result.marks.empty()) json["marks"] = result.marks;
  json["eval_loss"] = result.loss;
  json["eval_accuracy"] = scores.accuracy;
  json["eval_accuracy_low"] = scores.accuracy_low;
  json["eval_accuracy_high"] = scores.accuracy_high;
  json["eval_f1_macro"] = scores.f1_macro;
  json["eval_f1_weighted"] = scores.f1_weighted;
  json["eval_ece"] = scores.ece;
  json["eval_majority_accuracy"] = majority_accuracy(scores);
  json["eval_samples"] = scores.count;
  for (const auto& side : result.sides) {
    json["eval_" + side.name + "_accuracy"] = side.accuracy;
    json["eval_" + side.name + "_f1_macro"] = side.f1_macro;
    json["eval_" + side.name + "_f1_weighted"] = side.f1_weighted;
  }
  auto classes = nlohmann::ordered_json::array();
  for (size_t i = 0; i < result.labels.size(); ++i) {
    const auto& label = result.labels[i];
    const auto& own = scores.classes[i];
    classes.push_back({{"label", label}, {"precision", own.precision}, {"recall", own.recall}, {"f1", own.f1}, {"support", own.support}});
    if (key_is_taken(label)) continue;
    json["eval_f1_" + label] = own.f1;
    json["eval_precision_" + label] = own.precision;
    json["eval_recall_" + label] = own.recall;
    json["eval_support_" + label] = own.support;
  }
  json["labels"] = result.labels;
  json["classes"] = classes;
  json["confusion_matrix"] = scores.confusion;
  if (!result.anchors.empty()) json["anchors"] = anchors_json(result.anchors);
  if (result.selective) write_selective(json, *result.selective);
  if (result.clean) {
    json["eval_clean_accuracy"] = result.clean->accuracy;
    json["eval_clean_accuracy_low"] = result.clean->accuracy_low;
    json["eval_clean_accuracy_high"] = result.clean->accuracy_high;
    json["eval_clean_f1_macro"] = result.clean->f1_macro;
    json["eval_clean_f1_weighted"] = result.clean->f1_weighted;
    json["eval_clean_samples"] = result.clean->posts;
  }
  json["posts_without_label"] = static_cast<int64_t>(result.predictions.size()) - scores.count;
  write_input_counts(json, result);
  write_details(json, result);
  return json;
}

// Reads keys of a JSON file. Error messages name the file and the key.
class JsonReader {
 public:
  explicit JsonReader(std::filesystem::path path) : path_(std::move(path)) {
    const std::string bytes = read_file(path_);
    json_ = parse_foreign_json(bytes);
    if (!json_.is_object()) {
      throw DataError(fmt::format("{}: not JSON, or no object ({}); evaluate the run again to write it anew", path_.string(),
                                  json_.is_discarded() ? foreign_json_fault(bytes) : json_.type_name()));
    }
  }

  template <typename T>
  T get(const std::string& key) const {
    return get_from<T>(json_, key, key);
  }

  template <typename T>
  T get_from(const nlohmann::json& object, const std::string& key, const std::string& where) const {
    if (!object.is_object() || !object.contains(key)) fail(where, "is absent");
    try {
      return object.at(key).get<T>();
    } catch (const nlohmann::json::exception& error) {
      fail(where, json_fault(error));
    }
  }

  const nlohmann::json& json() const { return json_; }
  bool has(const std::string& key) const { return json_.contains(key); }

  // JSON has no NaN: a loss that is not finite was written as null.
  double get_loss(const std::string& key) const {
    if (json_.contains(key) && json_.at(key).is_null()) return std::numeric_limits<double>::quiet_NaN();
    return get<double>(key);
  }

  [[noreturn]] void fail(const std::string& key, const std::string& what) const {
    throw DataError(fmt::format("{}: key {}: {}; evaluate the run again to write the file anew", path_.string(), key, what));
  }

 private:
  std::filesystem::path path_;
  nlohmann::json json_;
};

std::vector<AnchorLine> read_anchor_lines(const JsonReader& reader) {
  std::vector<AnchorLine> anchors;
  if (!reader.has("anchors")) return anchors;
  const auto list = reader.get<nlohmann::json>("anchors");
  for (size_t i = 0; i < list.size(); ++i) {
    const std::string where = fmt::format("anchors[{}]", i);
    anchors.push_back({.name = reader.get_from<std::string>(list[i], "name", where),
                       .accuracy = reader.get_from<double>(list[i], "accuracy", where),
                       .f1_macro = reader.get_from<double>(list[i], "f1_macro", where),
                       .f1_weighted = reader.get_from<double>(list[i], "f1_weighted", where)});
  }
  return anchors;
}

std::vector<SplitCount> read_counts(const JsonReader& reader, const std::vector<std::string>& labels) {
  std::vector<SplitCount> counts;
  if (!reader.has("data_counts")) return counts;
  const auto json = reader.get<nlohmann::json>("data_counts");
  for (const char* split : {"train", "dev", "test"}) {
    if (!json.contains(split)) continue;
    const std::string where = fmt::format("data_counts.{}", split);
    SplitCount one{.split = split, .posts = reader.get_from<int64_t>(json.at(split), "posts", where)};
    const auto of_label = reader.get_from<nlohmann::json>(json.at(split), "labels", where);
    for (const auto& label : labels) one.of_label.push_back(reader.get_from<int64_t>(of_label, label, where));
    counts.push_back(std::move(one));
  }
  return counts;
}

std::vector<ClassScores> read_classes(const JsonReader& reader, const std::vector<std::string>& labels) {
  const auto list = reader.get<nlohmann::json>("classes");
  if (!list.is_array() || list.size() != labels.size()) reader.fail("classes", fmt::format("expected a list of {} classes", labels.size()));
  std::vector<ClassScores> classes;
  for (size_t i = 0; i < labels.size(); ++i) {
    const std::string where = fmt::format("classes[{}]", i);
    if (reader.get_from<std::string>(list[i], "label", where) != labels[i]) reader.fail(where, "expected the class " + labels[i]);
    classes.push_back({.precision = reader.get_from<double>(list[i], "precision", where),
                       .recall = reader.get_from<double>(list[i], "recall", where),
                       .f1 = reader.get_from<double>(list[i], "f1", where),
                       .support = reader.get_from<int64_t>(list[i], "support", where)});
  }
  return classes;
}

void read_input_counts(const JsonReader& reader, EvaluationResult& result) {
  result.images_missing = reader.get<int64_t>("images_missing");
  result.images_truncated = reader.get<int64_t>("images_truncated");
  result.images_skipped = reader.get<int64_t>("images_skipped");
  result.texts_missing = reader.get<int64_t>("texts_missing");
  if (reader.has("images_named")) {  // older files lack these
    result.pictures = {.named = reader.get<int64_t>("images_named"),
                       .truncated = result.images_truncated,
                       .absent = reader.get<int64_t>("images_absent"),
                       .bad = reader.get<int64_t>("images_bad")};
    if (reader.has("images_lost_by_prepare_absent")) {
      result.pictures.lost = {.absent = reader.get<int64_t>("images_lost_by_prepare_absent"),
                              .bad = reader.get<int64_t>("images_lost_by_prepare_bad")};
    }
    result.posts_empty = reader.get<int64_t>("posts_empty");
  }
  if (reader.has("rows_left_out")) result.rows_left_out = reader.get<int64_t>("rows_left_out");
}

}  // namespace

void EvaluationResult::validate() const {
  const size_t classes = labels.size();
  const auto square = [classes](const auto& row) { return row.size() == classes; };
  if (classes == 0 || scores.classes.size() != classes || scores.confusion.size() != classes ||
      !std::all_of(scores.confusion.begin(), scores.confusion.end(), square)) {
    throw ShapeError(fmt::format("evaluation of {}: {} labels, scores of {} classes, a confusion matrix of {} rows", split, classes,
                                 scores.classes.size(), scores.confusion.size()));
  }
  int64_t counted = 0;
  for (const auto& row : scores.confusion) {
    for (const int64_t cell : row) counted += cell;
  }
  const auto labelled = std::count_if(predictions.begin(), predictions.end(), [](const auto& p) { return p.label_id >= 0; });
  if (counted != scores.count || labelled != scores.count || scores.count == 0) {
    throw ShapeError(
        fmt::format("evaluation of {}: {} posts scored, {} in the confusion matrix, {} predictions with a label; expected the "
                    "same number, at least 1",
                    split, scores.count, counted, labelled));
  }
}

std::optional<CleanScores> score_clean(const EvaluationResult& result, const std::vector<std::string>& ids) {
  const std::unordered_set<std::string_view> kept(ids.begin(), ids.end());
  std::vector<double> probabilities;
  std::vector<int64_t> truths;
  for (const auto& prediction : result.predictions) {
    if (prediction.label_id < 0 || !kept.contains(prediction.id)) continue;
    truths.push_back(prediction.label_id);
    probabilities.insert(probabilities.end(), prediction.probabilities.begin(), prediction.probabilities.end());
  }
  if (truths.empty()) return std::nullopt;
  const ClassificationScores scores = score_classification(probabilities, truths, static_cast<int64_t>(result.labels.size()));
  return CleanScores{.posts = scores.count,
                     .accuracy = scores.accuracy,
                     .accuracy_low = scores.accuracy_low,
                     .accuracy_high = scores.accuracy_high,
                     .f1_macro = scores.f1_macro,
                     .f1_weighted = scores.f1_weighted};
}

std::optional<SelectiveScores::Accuracy> SelectiveScores::accuracy() const {
  if (answered == 0) return std::nullopt;
  const Interval interval = wilson_interval(right, answered);
  return Accuracy{static_cast<double>(right) / static_cast<double>(answered), interval.low, interval.high};
}

SelectiveScores score_selective(const EvaluationResult& result, double min_confidence) {
  SelectiveScores scores{.min_confidence = min_confidence};
  for (const auto& prediction : result.predictions) {
    if (prediction.label_id < 0) continue;
    ++scores.posts;
    if (prediction.probabilities.at(static_cast<size_t>(prediction.predicted_id)) < min_confidence) continue;
    ++scores.answered;
    scores.right += prediction.predicted_id == prediction.label_id ? 1 : 0;
  }
  return scores;
}

double majority_accuracy(const ClassificationScores& scores) {
  int64_t largest = 0;
  for (const auto& own : scores.classes) largest = std::max(largest, own.support);
  return scores.count == 0 ? 0.0 : static_cast<double>(largest) / static_cast<double>(scores.count);
}

std::vector<SplitCount> count_splits(const DataSet& data) {
  std::vector<SplitCount> counts;
  for (const Split split : {Split::kTrain, Split::kDev, Split::kTest}) {
    SplitCount one{.split = split_name(split), .of_label = std::vector<int64_t>(data.labels.size(), 0)};
    for (const int64_t row : data.rows_of(split)) {
      const int64_t label = data.posts[static_cast<size_t>(row)].label_id;
      ++one.posts;
      if (label >= 0) ++one.of_label.at(static_cast<size_t>(label));
    }
    if (one.posts > 0) counts.push_back(std::move(one));
  }
  return counts;
}

StoredEvaluation write_evaluation(const EvaluationResult& result, const std::filesystem::path& run_folder) {
  result.validate();
  make_folder(run_folder);
  const GuardedFolder run(run_folder);
  StoredEvaluation place{.folder = evaluation_folder(run_folder, result.data, result.data_sha256),
                         .split = result.split,
                         .without = result.without,
                         .data = result.data,
                         .data_sha256 = result.data_sha256,
                         .checkpoint = result.checkpoint};
  run.make(place.folder);
  AtomicFile predictions(run, place.path("", "-predictions.csv"));
  predictions.stream() << prediction_header(result.labels);
  for (const auto& prediction : result.predictions) predictions.stream() << prediction_row(prediction, result.labels);
  predictions.commit();

  std::string confusion = "truth";
  for (const auto& label : result.labels) confusion += "," + csv_field(label);
  for (size_t row = 0; row < result.labels.size(); ++row) {
    confusion += fmt::format("\n{},{}", csv_field(result.labels[row]), fmt::join(result.scores.confusion[row], ","));
  }
  write_file_atomic(run, place.path("", "-confusion.csv"), confusion + "\n");
  write_file_atomic(run, place.path("", ".json"), evaluation_json(result).dump(2) + "\n");
  return place;
}

EvaluationResult read_evaluation(const std::filesystem::path& run_folder, const std::string& split, const std::string& without) {
  return read_evaluation(run_folder, {.split = split, .without = without});
}

EvaluationResult read_evaluation(const std::filesystem::path& run_folder, const StoredEvaluation& stored) {
  const auto path = stored.path(run_folder, ".json");
  if (!std::filesystem::exists(path)) {
    throw DataError(fmt::format("{}: no such file; run `infig evaluate --run {} --data DATA --split {}{}` first", path.string(),
                                run_folder.string(), stored.split, stored.without.empty() ? "" : " --without " + stored.without));
  }
  const JsonReader reader(path);
  EvaluationResult result{.split = stored.split, .without = stored.without};
  result.labels = reader.get<std::vector<std::string>>("labels");
  if (reader.has("trained_without")) result.trained_without = reader.get<std::string>("trained_without");
  if (reader.has("marks")) result.marks = reader.get<std::vector<std::string>>("marks");
  if (reader.has("data")) result.data = reader.get<std::string>("data");
  if (reader.has("data_sha256")) result.data_sha256 = reader.get<std::string>("data_sha256");
  if (reader.has("checkpoint")) result.checkpoint = reader.get<std::string>("checkpoint");
  result.data_counts = read_counts(reader, result.labels);
  result.loss = reader.get_loss("eval_loss");
  auto& scores = result.scores;
  scores.count = reader.get<int64_t>("eval_samples");
  scores.accuracy = reader.get<double>("eval_accuracy");
  scores.accuracy_low = reader.get<double>("eval_accuracy_low");
  scores.accuracy_high = reader.get<double>("eval_accuracy_high");
  scores.f1_macro = reader.get<double>("eval_f1_macro");
  scores.f1_weighted = reader.get<double>("eval_f1_weighted");
  scores.ece = reader.get<double>("eval_ece");
  scores.classes = read_classes(reader, result.labels);
  scores.confusion = reader.get<std::vector<std::vector<int64_t>>>("confusion_matrix");
  result.anchors = read_anchor_lines(reader);
  if (reader.has("eval_clean_accuracy")) {
    result.clean = CleanScores{.posts = reader.get<int64_t>("eval_clean_samples"),
                               .accuracy = reader.get<double>("eval_clean_accuracy"),
                               .accuracy_low = reader.get<double>("eval_clean_accuracy_low"),
                               .accuracy_high = reader.get<double>("eval_clean_accuracy_high"),
                               .f1_macro = reader.get<double>("eval_clean_f1_macro"),
                               .f1_weighted = reader.get<double>("eval_clean_f1_weighted")};
  }
  read_input_counts(reader, result);
  result.predictions = read_predictions(stored.path(run_folder, "-predictions.csv"), result.labels);
  try {
    result.validate();
    read_details(reader.json(), path, result);
  } catch (const ShapeError& error) {
    throw DataError(fmt::format("{}: {}; evaluate the run again", path.string(), error.what()));
  }
  return result;
}

}  // namespace infig
