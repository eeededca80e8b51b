// Multinomial logistic regression with an L2 penalty: minimises
//   c * sum_i -log softmax(x_i W + b)[y_i] + |W|^2 / 2        (b is not penalised)
// as scikit-learn's LogisticRegression(C=c) does, by L-BFGS (libLBFGS) in double precision. The minimum is unique, so the start does not
// matter and nothing is drawn at random.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

#include "model/baselines/features.h"

namespace infig {

struct LogisticRegressionOptions {
  double c = 1;                   // inverse strength of the penalty, > 0
  int64_t max_iterations = 2000;  // of L-BFGS
  double tolerance = 1e-4;        // stops where |gradient of the mean objective|_inf is below it
  int64_t threads = 1;            // for the sparse part; the result is the same for any number
  void validate() const;          // throws ConfigError
};

class LogisticRegression {
 public:
  // `labels` in [0, classes). Starts from the present weights where they have the same shape (a path over c is then cheap).
  // Throws ShapeError; DataError where there are no rows.
  void fit(const Features& features, const std::vector<int64_t>& labels, int64_t classes, const LogisticRegressionOptions& options);
  at::Tensor predict_proba(const Features& features) const;  // [N, C] double
  std::vector<int64_t> predict(const Features& features) const;
  void detach() { weights_ = weights_.clone(); }          // from copies of this object: a later fit() of theirs leaves it alone
  const at::Tensor& weights() const { return weights_; }  // [S + D + 1, C] double: sparse rows, dense rows, bias
  int64_t iterations() const { return iterations_; }      // that the last fit took

 private:
  at::Tensor weights_;
  int64_t iterations_ = 0;
};

}  // namespace infig
