// Multinomial logistic regression on sparse rows (bags of words), with an L2 penalty: minimises
//   c * sum_i -log softmax(x_i W + b)[y_i] + |W|^2 / 2        (b is not penalised)
// as scikit-learn's LogisticRegression(C=c) does, by L-BFGS in double precision. The minimum is unique, so the start does not matter and
// nothing is drawn at random.
#pragma once

#include <cstdint>
#include <vector>

#include "linear/sparse.h"

namespace infig {

struct LogisticRegressionOptions {
  double c = 1;                   // inverse strength of the penalty, > 0
  int64_t max_iterations = 2000;  // of L-BFGS
  double tolerance = 1e-4;        // stops where |gradient of the mean objective|_inf is below it
  int64_t threads = 1;            // for the sparse part; the result is the same for any number
  void validate() const;          // throws ConfigError
};

// Throws DataError for no rows, ShapeError unless there is one label in [0, classes) a row.
void check_regression_labels(int64_t rows, const std::vector<int64_t>& labels, int64_t classes);

class SparseRegression {
 public:
  // Starts from the present weights where they have the same shape (a path over c is then cheap). Throws as check_regression_labels does.
  void fit(const SparseMatrix& rows, const std::vector<int64_t>& labels, int64_t classes, const LogisticRegressionOptions& options);
  std::vector<double> predict_proba(const SparseMatrix& rows) const;  // [N, classes]; ShapeError before fit or for other columns
  int64_t classes() const { return classes_; }

 private:
  std::vector<double> weights_;  // [columns + 1, classes]: the bias last
  int64_t classes_ = 0;
};

}  // namespace infig
