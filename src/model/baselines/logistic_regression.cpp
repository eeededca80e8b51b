#include "model/baselines/logistic_regression.h"

#include <fmt/format.h>
#include <lbfgs.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/log.h"
#include "core/parallel.h"

namespace infig {
namespace {

constexpr int64_t kDenseRows = 4096;                 // rows turned into double at once,
constexpr int64_t kDenseNumbers = int64_t{1} << 28;  // unless the dense part has no more numbers than this (2 GiB): then once for all
constexpr int64_t kSparseRows = 512;                 // rows a task

// out[row] += sum over the row's entries of value * factor[column]; rows of `factor` and `out` have `width` numbers.
void add_product(const SparseMatrix& matrix, const double* factor, double* out, int64_t width, int64_t threads) {
  const int64_t tasks = (matrix.row_count() + kSparseRows - 1) / kSparseRows;
  parallel_for(tasks, threads, [&](int64_t task) {
    const int64_t end = std::min(matrix.row_count(), (task + 1) * kSparseRows);
    for (int64_t row = task * kSparseRows; row < end; ++row) {
      double* to = out + row * width;
      for (auto i = static_cast<size_t>(matrix.row_start[static_cast<size_t>(row)]);
           i < static_cast<size_t>(matrix.row_start[static_cast<size_t>(row) + 1]); ++i) {
        const double value = matrix.values[i];
        const double* from = factor + static_cast<int64_t>(matrix.columns[i]) * width;
        for (int64_t k = 0; k < width; ++k) to[k] += value * from[k];
      }
    }
  });
}

// Calls use(first row, block in double) for the whole dense part.
template <typename Use>
void for_dense_rows(const at::Tensor& dense, const Use& use) {
  const int64_t rows = dense.size(0), step = dense.scalar_type() == at::kDouble ? rows : kDenseRows;
  for (int64_t row = 0; row < rows; row += step) use(row, dense.narrow(0, row, std::min(step, rows - row)).to(at::kDouble));
}

at::Tensor compute_logits(const Features& features, const at::Tensor& weights, int64_t threads) {
  const int64_t rows = features.row_count(), classes = weights.size(1), sparse = features.sparse.column_count;
  at::Tensor logits = weights[weights.size(0) - 1].unsqueeze(0).repeat({rows, 1});
  if (sparse > 0) add_product(features.sparse, weights.data_ptr<double>(), logits.data_ptr<double>(), classes, threads);
  if (features.dense.defined()) {
    const at::Tensor factor = weights.narrow(0, sparse, features.dense.size(1));
    for_dense_rows(features.dense,
                   [&](int64_t row, const at::Tensor& block) { logits.narrow(0, row, block.size(0)).addmm_(block, factor); });
  }
  return logits;
}

// What L-BFGS calls: the mean objective (the sum divided by c * N, so that the tolerance means the same for every c) and its gradient.
struct Problem {
  const Features& features;
  SparseMatrix transposed;
  at::Tensor labels;  // [N, 1] int64
  int64_t classes;
  const LogisticRegressionOptions& options;

  double evaluate(const double* x, double* gradient) const {
    const int64_t rows = features.row_count(), columns = features.column_count(), sparse = features.sparse.column_count;
    const at::Tensor weights = at::from_blob(const_cast<double*>(x), {columns + 1, classes}, at::kDouble);
    const at::Tensor log_probabilities = compute_logits(features, weights, options.threads).log_softmax(1);
    const double loss = -log_probabilities.gather(1, labels).mean().item<double>();
    at::Tensor residual = log_probabilities.exp();
    residual.scatter_add_(1, labels, at::full({1, 1}, -1.0, at::kDouble).expand({rows, 1}).contiguous());
    residual.div_(static_cast<double>(rows));
    const double penalty = 1.0 / (options.c * static_cast<double>(rows));
    at::Tensor out = at::from_blob(gradient, {columns + 1, classes}, at::kDouble);
    out.narrow(0, 0, columns).copy_(weights.narrow(0, 0, columns)).mul_(penalty);
    out[columns].copy_(residual.sum(0));
    if (sparse > 0) add_product(transposed, residual.data_ptr<double>(), gradient, classes, options.threads);
    if (features.dense.defined()) {
      at::Tensor dense = out.narrow(0, sparse, features.dense.size(1));
      for_dense_rows(features.dense,
                     [&](int64_t row, const at::Tensor& block) { dense.addmm_(block.t(), residual.narrow(0, row, block.size(0))); });
    }
    return loss + 0.5 * penalty * weights.narrow(0, 0, columns).square().sum().item<double>();
  }
};

// One run of L-BFGS. It stops by the largest entry of the gradient, which, unlike the library's own rule, does not depend on the count of
// weights.
struct Run {
  const Problem& problem;
  int iterations = 0;

  static lbfgsfloatval_t evaluate(void* instance, const lbfgsfloatval_t* x, lbfgsfloatval_t* gradient, int, lbfgsfloatval_t) {
    return static_cast<Run*>(instance)->problem.evaluate(x, gradient);
  }
  // NOLINTNEXTLINE(readability-function-size): the library's signature
  static int progress(void* instance, const lbfgsfloatval_t*, const lbfgsfloatval_t* gradient, lbfgsfloatval_t, lbfgsfloatval_t,
                      lbfgsfloatval_t, lbfgsfloatval_t, int count, int iteration, int) {
    Run& run = *static_cast<Run*>(instance);
    run.iterations = iteration;
    double largest = 0;
    for (int i = 0; i < count; ++i) largest = std::max(largest, std::fabs(gradient[i]));
    return largest < run.problem.options.tolerance ? 1 : 0;
  }
};

// Moves `weights` to the minimum; returns the steps taken.
int64_t minimise(const Problem& problem, at::Tensor& weights) {
  lbfgs_parameter_t parameters;
  lbfgs_parameter_init(&parameters);
  parameters.max_iterations = static_cast<int>(problem.options.max_iterations);
  parameters.m = 10;
  parameters.epsilon = 0;  // only Run::progress stops
  parameters.max_linesearch = 50;
  Run run{problem};
  const auto count = static_cast<int>(weights.numel());
  lbfgsfloatval_t* x = lbfgs_malloc(count);  // libLBFGS wants an alignment of its own
  if (x == nullptr) throw ResourceError("logistic regression: memory ran out");
  std::copy_n(weights.data_ptr<double>(), count, x);
  const int status = lbfgs(count, x, nullptr, Run::evaluate, Run::progress, &run, &parameters);
  std::copy_n(x, count, weights.data_ptr<double>());
  lbfgs_free(x);
  // Rounding may end the line search in the minimum before the tolerance is met; that is no failure.
  if (status == LBFGSERR_MAXIMUMITERATION) log_warning("logistic regression: not converged after {} steps", parameters.max_iterations);
  return run.iterations;
}

}  // namespace

void LogisticRegressionOptions::validate() const {
  if (!(c > 0) || !std::isfinite(c)) throw ConfigError(fmt::format("logistic regression: c is {}; allowed is > 0", c));
  if (max_iterations < 1) throw ConfigError(fmt::format("logistic regression: max_iterations is {}; allowed is >= 1", max_iterations));
  if (!(tolerance > 0)) throw ConfigError(fmt::format("logistic regression: tolerance is {}; allowed is > 0", tolerance));
}

void LogisticRegression::fit(const Features& features, const std::vector<int64_t>& labels, int64_t classes,
                             const LogisticRegressionOptions& options) {
  options.validate();
  const int64_t rows = features.row_count(), columns = features.column_count();
  if (rows == 0) throw DataError("logistic regression: no posts to learn from");
  if (static_cast<int64_t>(labels.size()) != rows)
    throw ShapeError(fmt::format("logistic regression: {} labels for {} rows", labels.size(), rows));
  const auto outside = std::find_if(labels.begin(), labels.end(), [classes](int64_t label) { return label < 0 || label >= classes; });
  if (outside != labels.end()) throw ShapeError(fmt::format("logistic regression: label {} outside of 0 .. {}", *outside, classes - 1));
  const at::NoGradGuard no_grad;
  if (!weights_.defined() || weights_.size(0) != columns + 1 || weights_.size(1) != classes)
    weights_ = at::zeros({columns + 1, classes}, at::kDouble);
  Features exact = features;
  if (exact.dense.defined() && exact.dense.numel() <= kDenseNumbers) exact.dense = exact.dense.to(at::kDouble);
  const Problem problem{exact, transpose(exact.sparse), at::tensor(labels, at::kLong).unsqueeze(1), classes, options};
  iterations_ = minimise(problem, weights_);
}

at::Tensor LogisticRegression::predict_proba(const Features& features) const {
  if (!weights_.defined()) throw ShapeError("logistic regression: predict before fit");
  if (features.column_count() + 1 != weights_.size(0))
    throw ShapeError(fmt::format("logistic regression: {} features, fitted with {}", features.column_count(), weights_.size(0) - 1));
  return compute_logits(features, weights_, 1).softmax(1);
}

std::vector<int64_t> LogisticRegression::predict(const Features& features) const {
  const at::Tensor best = predict_proba(features).argmax(1).contiguous();
  return {best.data_ptr<int64_t>(), best.data_ptr<int64_t>() + best.numel()};
}

}  // namespace infig
