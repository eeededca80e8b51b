// Multinomial logistic regression with an L2 penalty: minimises
//   c * sum_i -log softmax(x_i W + b)[y_i] + |W|^2 / 2        (b is not penalised)
// as scikit-learn's LogisticRegression(C=c) does, by L-BFGS in double precision, on sparse and dense features (src/linear has a version for
// sparse features only). The minimum is unique, so the result does not depend on the starting point and nothing is drawn at random.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

#include "linear/sparse_regression.h"
#include "model/baselines/features.h"

namespace infig {

class LogisticRegression {
 public:
  // `labels` in [0, classes). Starts from the current weights if their shape fits, which makes a series of values of c cheap. Throws
  // ShapeError; DataError if there are no rows.
  void fit(const Features& features, const std::vector<int64_t>& labels, int64_t classes, const LogisticRegressionOptions& options);
  at::Tensor predict_proba(const Features& features) const;  // [N, C] double
  std::vector<int64_t> predict(const Features& features) const;
  void detach() { weights_ = weights_.clone(); }          // copies of this object share its weights until this is called
  const at::Tensor& weights() const { return weights_; }  // [S + D + 1, C] double: sparse rows, dense rows, bias
  int64_t iterations() const { return iterations_; }      // of the last fit

 private:
  at::Tensor weights_;
  int64_t iterations_ = 0;
};

}  // namespace infig
