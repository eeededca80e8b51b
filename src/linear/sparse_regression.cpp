#include "linear/sparse_regression.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "linear/minimise.h"

namespace infig {
namespace {

constexpr const char* kTitle = "logistic regression";

// [N, C]: x W + b.
std::vector<double> logits_of(const SparseMatrix& rows, const double* weights, int64_t classes, int64_t threads) {
  const double* bias = weights + rows.column_count * classes;
  std::vector<double> logits(static_cast<size_t>(rows.row_count() * classes));
  for (size_t i = 0; i < logits.size(); ++i) logits[i] = bias[i % static_cast<size_t>(classes)];
  add_product(rows, weights, logits.data(), classes, threads);
  return logits;
}

// Turns one row of logits into probabilities; returns -log of the label's one (label < 0: 0).
double softmax_row(double* row, int64_t classes, int64_t label) {
  const double largest = *std::max_element(row, row + classes);
  double sum = 0;
  for (int64_t k = 0; k < classes; ++k) sum += std::exp(row[k] - largest);
  const double log_sum = largest + std::log(sum);
  const double loss = label < 0 ? 0 : log_sum - row[label];
  for (int64_t k = 0; k < classes; ++k) row[k] = std::exp(row[k] - log_sum);
  return loss;
}

// The mean objective: the sum divided by c * N, so that the tolerance means the same for every c.
struct SparseProblem {
  const SparseMatrix& rows;
  SparseMatrix transposed;
  const std::vector<int64_t>& labels;
  int64_t classes;
  const LogisticRegressionOptions& options;

  double evaluate(const double* weights, double* gradient) const {
    const auto count = static_cast<double>(rows.row_count());
    const int64_t penalised = rows.column_count * classes;
    const double penalty = 1.0 / (options.c * count);
    std::vector<double> residual = logits_of(rows, weights, classes, options.threads);
    double loss = 0, squares = 0;
    for (int64_t k = 0; k < classes; ++k) gradient[penalised + k] = 0;
    for (int64_t row = 0; row < rows.row_count(); ++row) {
      double* own = residual.data() + row * classes;
      const int64_t label = labels[static_cast<size_t>(row)];
      loss += softmax_row(own, classes, label);
      own[label] -= 1;
      for (int64_t k = 0; k < classes; ++k) {
        own[k] /= count;
        gradient[penalised + k] += own[k];
      }
    }
    for (int64_t i = 0; i < penalised; ++i) {
      gradient[i] = penalty * weights[i];
      squares += weights[i] * weights[i];
    }
    add_product(transposed, residual.data(), gradient, classes, options.threads);
    return loss / count + 0.5 * penalty * squares;
  }
};

}  // namespace

void LogisticRegressionOptions::validate() const {
  if (!(c > 0) || !std::isfinite(c)) throw ConfigError(fmt::format("{}: c is {}; allowed is > 0", kTitle, c));
  if (max_iterations < 1) throw ConfigError(fmt::format("{}: max_iterations is {}; allowed is >= 1", kTitle, max_iterations));
  if (!(tolerance > 0)) throw ConfigError(fmt::format("{}: tolerance is {}; allowed is > 0", kTitle, tolerance));
}

void check_regression_labels(int64_t rows, const std::vector<int64_t>& labels, int64_t classes) {
  if (rows == 0) throw DataError(fmt::format("{}: no posts to learn from", kTitle));
  if (static_cast<int64_t>(labels.size()) != rows) throw ShapeError(fmt::format("{}: {} labels for {} rows", kTitle, labels.size(), rows));
  const auto outside = std::find_if(labels.begin(), labels.end(), [classes](int64_t label) { return label < 0 || label >= classes; });
  if (outside != labels.end()) throw ShapeError(fmt::format("{}: label {} outside of 0 .. {}", kTitle, *outside, classes - 1));
}

void SparseRegression::fit(const SparseMatrix& rows, const std::vector<int64_t>& labels, int64_t classes,
                           const LogisticRegressionOptions& options) {
  options.validate();
  check_regression_labels(rows.row_count(), labels, classes);
  const auto count = static_cast<size_t>((rows.column_count + 1) * classes);
  if (weights_.size() != count || classes_ != classes) weights_.assign(count, 0.0);
  classes_ = classes;
  const SparseProblem problem{rows, transpose(rows), labels, classes, options};
  minimise([&](const double* x, double* gradient) { return problem.evaluate(x, gradient); }, weights_,
           {.max_iterations = options.max_iterations, .tolerance = options.tolerance, .title = kTitle});
}

std::vector<double> SparseRegression::predict_proba(const SparseMatrix& rows) const {
  if (weights_.empty()) throw ShapeError(fmt::format("{}: predict before fit", kTitle));
  const auto fitted = static_cast<int64_t>(weights_.size()) / classes_ - 1;
  if (rows.column_count != fitted) throw ShapeError(fmt::format("{}: {} features, fitted with {}", kTitle, rows.column_count, fitted));
  std::vector<double> probabilities = logits_of(rows, weights_.data(), classes_, 1);
  for (int64_t row = 0; row < rows.row_count(); ++row) softmax_row(probabilities.data() + row * classes_, classes_, -1);
  return probabilities;
}

}  // namespace infig
