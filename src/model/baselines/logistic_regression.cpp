#include "model/baselines/logistic_regression.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "linear/minimise.h"

namespace infig {
namespace {

constexpr int64_t kDenseRows = 4096;                 // rows converted to double at a time,
constexpr int64_t kDenseNumbers = int64_t{1} << 28;  // unless the dense part has at most so many numbers (2 GiB): then all at once

// Calls use(first row, block as double) for consecutive blocks of the dense part.
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

// The objective that L-BFGS minimises, with its gradient: divided by c * N, so that the tolerance means the same for every c.
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

}  // namespace

void LogisticRegression::fit(const Features& features, const std::vector<int64_t>& labels, int64_t classes,
                             const LogisticRegressionOptions& options) {
  options.validate();
  const int64_t rows = features.row_count(), columns = features.column_count();
  check_regression_labels(rows, labels, classes);
  const at::NoGradGuard no_grad;
  if (!weights_.defined() || weights_.size(0) != columns + 1 || weights_.size(1) != classes)
    weights_ = at::zeros({columns + 1, classes}, at::kDouble);
  Features exact = features;
  if (exact.dense.defined() && exact.dense.numel() <= kDenseNumbers) exact.dense = exact.dense.to(at::kDouble);
  const Problem problem{exact, transpose(exact.sparse), at::tensor(labels, at::kLong).unsqueeze(1), classes, options};
  iterations_ = minimise([&](const double* x, double* gradient) { return problem.evaluate(x, gradient); },
                         {weights_.data_ptr<double>(), static_cast<size_t>(weights_.numel())},
                         {.max_iterations = options.max_iterations, .tolerance = options.tolerance, .title = "logistic regression"});
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
