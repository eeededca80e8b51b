// Objective of models whose only loss is the classifier's cross-entropy (losses/classification_loss.h).
#pragma once

#include <memory>
#include <utility>

#include "model/model.h"

namespace infig {

class ClassificationObjective : public Objective {
 public:
  // Keeps a reference to `model`, which must outlive the objective.
  ClassificationObjective(Model& model, const ObjectiveContext& context)
      : model_(model), classification_(context.classification), ranks_(*context.ranks) {}

  Losses step(const Batch& batch, const ForwardOptions& how) override;
  Losses step_in_parts(const Batch& batch, const ForwardOptions& how, const PartOptions& parts) override;

 private:
  struct Posts {
    int64_t first = 0, all = 0;  // index of this rank's first post in the whole batch; posts of the whole batch
  };
  Posts count(int64_t own);

  Model& model_;
  ClassificationLossOptions classification_;
  Ranks& ranks_;
};

}  // namespace infig
