// CLMLF's training objective: the classifier's loss and the two contrastive ones (clmlf.h).
#pragma once

#include <memory>
#include <vector>

#include "model/baselines/clmlf.h"
#include "model/model.h"

namespace infig {

// Both losses of z and z' [n, d], the rows of this rank, against those of the whole batch [N, d] in the ranks' order. `first`: the index of
// this rank's first row. Sums are this rank's share, counts the whole batch's: N posts, and all pairs of equal labels. A post without a
// label (-1) has no pairs.
LossTerm data_loss(const at::Tensor& z, const at::Tensor& all_second, int64_t first, double temperature);
LossTerm label_loss(const at::Tensor& z, const at::Tensor& all_z, const at::Tensor& all_labels, int64_t first, double temperature);

// Losses::others are "data" and "label", with count 0 if their weight is 0. For the first clmlf.frozen_epochs epochs the text encoder gets
// no gradient. With image.augment other than none, the second view's picture is the first's, turned left to right for one post in two; it
// is drawn from (seed, "second_view", step). State: clmlf.step.
class ClmlfObjective : public Objective {
 public:
  ClmlfObjective(ClmlfModel model, const ObjectiveContext& context);
  Losses step(const Batch& batch, const ForwardOptions& how) override;
  // As GradCache: all r and r' without a graph, the contrastive losses and their gradients of the whole batch, then every part with its
  // graph.
  Losses step_in_parts(const Batch& batch, const ForwardOptions& how, const PartOptions& parts) override;
  void commit() override { ++step_; }
  std::vector<std::string> loss_names() const override { return {"data", "label"}; }
  TensorMap state() const override;
  void restore(const TensorMap& tensors, const std::string& where) override;

 private:
  struct Posts {
    std::vector<int64_t> rows;   // of each rank
    int64_t first = 0, all = 0;  // index of this rank's first post; posts of the whole batch
  };
  struct Pooled {
    at::Tensor first, second;  // r, r' [n, d]; second undefined where no loss needs it
  };
  Posts posts_of(int64_t own);
  bool contrasts() const { return options_.data_weight > 0 || options_.label_weight > 0; }
  // The pictures of the batch's second view; undefined where they are the first's.
  at::Tensor second_pixels(const Batch& batch, const Posts& posts) const;
  // Both views of posts first .. of the batch that `posts` counts; `second_pixels` are theirs.
  Pooled represent(const Batch& batch, const at::Tensor& second_pixels, const ForwardOptions& how, const Posts& posts, int64_t first);
  Pooled gather_parts(const Batch& batch, const at::Tensor& turned, const ForwardOptions& how, const PartOptions& parts,
                      const Posts& posts);
  // Fills losses.others and returns their weighted sum; undefined if both are off.
  at::Tensor contrast(const Pooled& pooled, const at::Tensor& labels, const Posts& posts, Losses& losses);

  ClmlfModel model_;
  ClmlfNetOptions options_;
  ClassificationLossOptions classification_;
  Ranks* ranks_;
  uint64_t seed_;
  int64_t frozen_steps_, step_ = 0;
};

}  // namespace infig
