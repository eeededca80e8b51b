#include "evaluation/temperature.h"

#include <fmt/format.h>

#include <cmath>

#include "core/error.h"
#include "evaluation/details.h"
#include "evaluation/stored.h"
#include "metrics/calibration.h"
#include "run/checkpoints.h"

namespace infig {
namespace {

double mean_cross_entropy(const LabelledRows& rows, size_t classes) {
  double sum = 0;
  for (size_t i = 0; i < rows.labels.size(); ++i) sum -= std::log(rows.probabilities[i * classes + static_cast<size_t>(rows.labels[i])]);
  return sum / static_cast<double>(rows.labels.size());
}

}  // namespace

Calibration fit_calibration(const EvaluationResult& result, const std::string& data_sha256) {
  if (result.temperature != 1 || !result.without.empty())
    throw ShapeError(
        fmt::format("calibration: the evaluation of {} is scaled by a temperature or had a side withheld; expected neither", result.split));
  const LabelledRows rows = labelled_rows(result);
  const size_t classes = result.labels.size();
  const auto count = static_cast<int64_t>(classes);
  Calibration fitted{
      .split = result.split, .posts = static_cast<int64_t>(rows.labels.size()), .data = result.data, .data_sha256 = data_sha256};
  fitted.temperature = fit_temperature(rows.probabilities, rows.labels, count);
  const LabelledRows scaled{.probabilities = apply_temperature(rows.probabilities, count, fitted.temperature), .labels = rows.labels};
  fitted.loss_before = mean_cross_entropy(rows, classes);
  fitted.loss_after = mean_cross_entropy(scaled, classes);
  fitted.ece_before = score_classification(rows.probabilities, rows.labels, count).ece;
  fitted.ece_after = score_classification(scaled.probabilities, scaled.labels, count).ece;
  return fitted;
}

void check_fitted_on(const std::filesystem::path& run, const std::string& data, const std::string& data_sha256) {
  std::optional<Calibration> before;
  try {
    before = read_calibration(run);
  } catch (const CheckpointError&) {
    return;  // a broken file holds no temperature that could be lost
  }
  if (!before || before->data_sha256 == data_sha256) return;
  throw ConfigError(fmt::format(
      "--fit-temperature: {} holds the temperature {:.4f}, fitted on {} of {}; one of {} would replace it: use it with --temperature "
      "fitted, or delete the file first",
      (find_checkpoint(run) / "calibration.json").string(), before->temperature, before->split,
      data_words(before->data, before->data_sha256), data_words(data, data_sha256)));
}

void scale_by_temperature(EvaluationResult& result, double temperature) {
  if (temperature == 1) return;
  const auto classes = static_cast<int64_t>(result.labels.size());
  for (Prediction& one : result.predictions) one.probabilities = apply_temperature(one.probabilities, classes, temperature);
  result.temperature *= temperature;
  const LabelledRows rows = labelled_rows(result);
  result.scores.ece = score_classification(rows.probabilities, rows.labels, classes).ece;
  result.loss = mean_cross_entropy(rows, result.labels.size());
  if (result.intervals) add_intervals(result, 1);
}

}  // namespace infig
