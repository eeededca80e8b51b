// The objective of models that have no loss but the classifier's: L = cross-entropy (losses/classification_loss.h).
#pragma once

#include <memory>
#include <utility>

#include "model/model.h"

namespace infig {

class ClassificationObjective : public Objective {
 public:
  // `model` outlives the objective.
  ClassificationObjective(Model& model, const ObjectiveContext& context)
      : model_(model), classification_(context.classification), ranks_(*context.ranks) {}

  Losses step(const Batch& batch, const ForwardOptions& how) override;
  Losses step_in_parts(const Batch& batch, const ForwardOptions& how, const PartOptions& parts) override;

 private:
  struct Posts {
    int64_t first = 0, all = 0;  // of this rank among those of all ranks
  };
  Posts count(int64_t own);

  Model& model_;
  ClassificationLossOptions classification_;
  Ranks& ranks_;
};

}  // namespace infig
