// The classifier's loss: cross-entropy with options for class imbalance and noisy labels. The defaults give plain cross-entropy.
#pragma once

#include <torch/types.h>

#include <vector>

#include "losses/loss_term.h"

namespace infig {

struct ClassificationLossOptions {
  double label_smoothing = 0;  // e in [0, 1): the target is 1 - e at the label, plus e / C for every class (Szegedy et al. 2016)
  double focal_gamma = 0;      // g >= 0: the term of a class with probability p is multiplied by (1 - p)^g (Lin et al. 2017)
  std::vector<double> class_weights = {};  // w > 0 for each class; empty: 1

  bool plain() const { return label_smoothing == 0 && focal_gamma == 0 && class_weights.empty(); }
  void validate(int64_t classes) const;  // throws ConfigError
};

// Sum over the rows of sum_c w_c q_c (1 - p_c)^g (-log p_c), where q is the smoothed target of the row's label. The count is the number of
// rows, so the mean is over posts, not over weights. logits [B, C] float, labels [B] int64. Computed in float32, or float64 for float64
// logits. Throws ShapeError, and ConfigError for invalid options.
LossTerm classification_loss(const at::Tensor& logits, const at::Tensor& labels, const ClassificationLossOptions& options);

// w_c = N / (C n_c) for n_c posts of class c out of N, like scikit-learn's "balanced": the mean weight of these posts is 1. Throws
// ConfigError for a class without posts.
std::vector<double> balanced_class_weights(const std::vector<int64_t>& posts_of_class);

}  // namespace infig
