// The keys of the classifier's loss, which all models have (losses/classification_loss.h).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/config.h"
#include "losses/classification_loss.h"

namespace infig {

struct ClassifierLossKeys {
  double label_smoothing = 0;  // losses/classification_loss.h
  double focal_gamma = 0;      // the same
  // "none", "balanced" or "positive" (by the training posts), or one number a class, in label order, "1,2.5,1"
  std::string class_weights = "none";

  // What the classifier's loss is told, for training posts of each class. Throws ConfigError naming the key.
  ClassificationLossOptions classification(const std::vector<int64_t>& posts_of_class) const;
  void validate() const;  // throws ConfigError
};

// Into the binder's present section, which is "loss".
void bind_options(ConfigBinder& binder, ClassifierLossKeys& keys);

}  // namespace infig
