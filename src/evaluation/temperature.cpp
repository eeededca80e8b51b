#include "evaluation/temperature.h"

#include <fmt/format.h>

#include <cmath>

#include "core/error.h"
#include "evaluation/details.h"
#include "metrics/calibration.h"

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
        fmt::format("calibration: the evaluation of {} was scaled, or had a part withheld; expected the model as it is", result.split));
  const LabelledRows rows = labelled_rows(result);
  const size_t classes = result.labels.size();
  const auto count = static_cast<int64_t>(classes);
  Calibration fitted{.split = result.split, .posts = static_cast<int64_t>(rows.labels.size()), .data_sha256 = data_sha256};
  fitted.temperature = fit_temperature(rows.probabilities, rows.labels, count);
  const LabelledRows scaled{.probabilities = apply_temperature(rows.probabilities, count, fitted.temperature), .labels = rows.labels};
  fitted.loss_before = mean_cross_entropy(rows, classes);
  fitted.loss_after = mean_cross_entropy(scaled, classes);
  fitted.ece_before = score_classification(rows.probabilities, rows.labels, count).ece;
  fitted.ece_after = score_classification(scaled.probabilities, scaled.labels, count).ece;
  return fitted;
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
