// The classifier's loss: cross-entropy with options for unbalanced classes and noisy labels. Defaults are plain cross-entropy.
#pragma once

#include <torch/types.h>

#include <vector>

#include "losses/loss_term.h"

namespace infig {

struct ClassificationLossOptions {
  double label_smoothing = 0;              // e in [0, 1): the target is (1 - e) at the label and e / C everywhere (Szegedy et al. 2016)
  double focal_gamma = 0;                  // g >= 0: a class's term is multiplied by (1 - p)^g (Lin et al. 2017)
  std::vector<double> class_weights = {};  // w, one a class, > 0; empty: 1

  bool plain() const { return label_smoothing == 0 && focal_gamma == 0 && class_weights.empty(); }
  void validate(int64_t classes) const;  // throws ConfigError
};

// Sum over rows of sum_c w_c q_c (1 - p_c)^g (-log p_c), q the smoothed target of the row's label; the count is the number of rows, so a
// mean is over posts, not over weights. logits [B, C] float, labels [B] int64. In float32 (float64 stays). Throws ShapeError.
LossTerm classification_loss(const at::Tensor& logits, const at::Tensor& labels, const ClassificationLossOptions& options);

// w_c = N / (C n_c) as scikit-learn's "balanced": the mean over the posts that were counted is 1. Throws ConfigError for a class without a
// post.
std::vector<double> balanced_class_weights(const std::vector<int64_t>& posts_of_class);

}  // namespace infig
