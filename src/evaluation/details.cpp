#include "evaluation/details.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "core/error.h"
#include "core/json.h"
#include "metrics/calibration.h"

namespace infig {
namespace {

using OverallInterval = std::pair<const char*, Interval ScoreIntervals::*>;
constexpr OverallInterval kOverall[] = {{"accuracy", &ScoreIntervals::accuracy},
                                        {"f1_macro", &ScoreIntervals::f1_macro},
                                        {"f1_weighted", &ScoreIntervals::f1_weighted},
                                        {"precision_macro", &ScoreIntervals::precision_macro},
                                        {"precision_weighted", &ScoreIntervals::precision_weighted},
                                        {"recall_macro", &ScoreIntervals::recall_macro},
                                        {"recall_weighted", &ScoreIntervals::recall_weighted},
                                        {"mcc", &ScoreIntervals::mcc},
                                        {"ece", &ScoreIntervals::ece}};
using ClassInterval = std::pair<const char*, Interval ScoreIntervals::OfClass::*>;
constexpr ClassInterval kOfClass[] = {{"precision_ci95", &ScoreIntervals::OfClass::precision},
                                      {"recall_ci95", &ScoreIntervals::OfClass::recall},
                                      {"f1_ci95", &ScoreIntervals::OfClass::f1}};

std::string overall_key(const char* name) { return fmt::format("eval_{}_ci95", name); }

nlohmann::ordered_json to_json(const Interval& interval) { return nlohmann::ordered_json::array({interval.low, interval.high}); }

nlohmann::ordered_json to_json(const SliceScores& slice) {
  return {{"group", slice.group},
          {"name", slice.name},
          {"samples", slice.count},
          {"accuracy", slice.accuracy},
          {"accuracy_low", slice.accuracy_low},
          {"accuracy_high", slice.accuracy_high},
          {"f1_macro", slice.f1_macro},
          {"f1_weighted", slice.f1_weighted}};
}

Interval interval_of(const nlohmann::json& pair) { return {.low = pair.at(0).get<double>(), .high = pair.at(1).get<double>()}; }

ScoreIntervals read_intervals(const nlohmann::json& json) {
  ScoreIntervals intervals;
  for (const auto& [name, member] : kOverall) intervals.*member = interval_of(json.at(overall_key(name)));
  for (const auto& one : json.at("classes")) {
    auto& own = intervals.classes.emplace_back();
    for (const auto& [name, member] : kOfClass) own.*member = interval_of(one.at(name));
  }
  return intervals;
}

SliceScores read_slice(const nlohmann::json& one) {
  return {.group = one.at("group").get<std::string>(),
          .name = one.at("name").get<std::string>(),
          .count = one.at("samples").get<int64_t>(),
          .accuracy = one.at("accuracy").get<double>(),
          .accuracy_low = one.at("accuracy_low").get<double>(),
          .accuracy_high = one.at("accuracy_high").get<double>(),
          .f1_macro = one.at("f1_macro").get<double>(),
          .f1_weighted = one.at("f1_weighted").get<double>()};
}

// Accuracy has the same interval wherever it is shown, and so has the weighted recall, which is the same number.
void share_wilson(EvaluationResult& result) {
  if (!result.intervals) return;
  result.intervals->accuracy = {.low = result.scores.accuracy_low, .high = result.scores.accuracy_high};
  result.intervals->recall_weighted = result.intervals->accuracy;
}

}  // namespace

LabelledRows labelled_rows(const EvaluationResult& result) {
  LabelledRows rows;
  for (const Prediction& one : result.predictions) {
    if (one.label_id < 0) continue;
    rows.labels.push_back(one.label_id);
    rows.probabilities.insert(rows.probabilities.end(), one.probabilities.begin(), one.probabilities.end());
  }
  return rows;
}

void add_intervals(EvaluationResult& result, int64_t threads) {
  const LabelledRows rows = labelled_rows(result);
  result.intervals = bootstrap_scores(rows.probabilities, rows.labels, static_cast<int64_t>(result.labels.size()), {.threads = threads});
  share_wilson(result);
}

void write_details(nlohmann::ordered_json& json, const EvaluationResult& result) {
  const ClassificationScores& scores = result.scores;
  json["eval_mcc"] = scores.mcc;
  json["eval_precision_macro"] = scores.precision_macro;
  json["eval_precision_weighted"] = scores.precision_weighted;
  json["eval_recall_macro"] = scores.recall_macro;
  json["eval_recall_weighted"] = scores.recall_weighted;
  const LabelledRows rows = labelled_rows(result);
  json["eval_aurc"] = risk_coverage_area(rows.probabilities, rows.labels, static_cast<int64_t>(result.labels.size()));
  if (result.intervals) {
    for (const auto& [name, member] : kOverall) json[overall_key(name)] = to_json((*result.intervals).*member);
    for (size_t c = 0; c < result.intervals->classes.size(); ++c) {
      for (const auto& [name, member] : kOfClass) json["classes"][c][name] = to_json(result.intervals->classes[c].*member);
    }
  }
  if (result.temperature != 1) json["temperature"] = result.temperature;
  if (result.slices.empty()) return;
  json["slices"] = nlohmann::ordered_json::array();
  for (const SliceScores& slice : result.slices) json["slices"].push_back(to_json(slice));
}

void read_details(const nlohmann::json& json, const std::filesystem::path& path, EvaluationResult& result) {
  // These are derived from the confusion matrix.
  const ClassificationScores derived = score_confusion(result.scores.confusion);
  result.scores.mcc = derived.mcc;
  result.scores.precision_macro = derived.precision_macro;
  result.scores.precision_weighted = derived.precision_weighted;
  result.scores.recall_macro = derived.recall_macro;
  result.scores.recall_weighted = derived.recall_weighted;
  try {
    if (json.contains(overall_key("accuracy"))) result.intervals = read_intervals(json);
    share_wilson(result);  // files of older versions have another interval here
    if (json.contains("temperature")) result.temperature = json.at("temperature").get<double>();
    if (json.contains("slices")) {
      for (const auto& one : json.at("slices")) result.slices.push_back(read_slice(one));
    }
  } catch (const nlohmann::json::exception& error) {
    throw DataError(fmt::format("{}: {}; evaluate the run again to write the file anew", path.string(), json_fault(error)));
  }
}

}  // namespace infig
