// INFIG's training objective: L = L_sc + lambda_g L_g + lambda_f L_f (eq. 12), and the momentum twins and queue that L_g needs.
// step_in_parts() is in infig_parts.cpp, the rest in infig_objective.cpp.
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "alignment/fine_grained.h"
#include "alignment/queue.h"
#include "distributed/ranks.h"
#include "losses/classification_loss.h"
#include "losses/loss_term.h"
#include "model/infig.h"
#include "tensor/archive.h"

namespace infig {

// Momentum copies (key encoders) of the modules that produce GAM's representations (row 9): text tower, image tower without its backbone,
// GAM's projections, and the backbone if gam.momentum_backbone is set.
class MomentumTwinsImpl : public torch::nn::Module {
 public:
  MomentumTwinsImpl(const InfigOptions& options, const ImageTower& image_tower);
  std::shared_ptr<TextEncoder> text_encoder;
  std::shared_ptr<ImageTower> image_encoder;
  std::shared_ptr<ImageBackbone> backbone;  // null without gam.momentum_backbone
  AlignmentParameters gam{nullptr};         // empty unless GAM projects: gam.proj_dim > 0, or CLIP
};
TORCH_MODULE(MomentumTwins);

class InfigObjective : public Objective {
 public:
  // `train_posts` limits the queue to the training split minus one batch: in a longer one, old copies of a post would be its negatives (row
  // 4). A longer queue is clamped with a warning. `batch_size` is that of the whole batch over all ranks; step() gets this rank's part of
  // it (Ranks::part), with texts padded to the longest of the whole batch. The contrastive losses compare the posts of all ranks.
  // Collective.
  InfigObjective(InfigModel model, int64_t train_posts, int64_t batch_size, uint64_t seed, ClassificationLossOptions classification = {},
                 Ranks& ranks = Ranks::alone());

  // Runs the forward pass, computes the losses and updates the twins. Posts that lack text or picture are left out of GAM and HFAM. The
  // batch's keys enter the queue only in commit(), so that a discarded step does not change it.
  // Losses::others are "gam" and "hfam", with count 0 if the loss is off or no post has both text and picture.
  Losses step(const Batch& batch, const ForwardOptions& how) override;
  // Appends the step's keys to the queue and clamps the temperatures to [.001, .5] (row 12).
  void commit() override;

  // GradCache (Gao et al. 2021) in three passes. The towers first run over every part without a graph, to get the hidden states that GAM
  // and HFAM compare. Both losses and their gradients with respect to these states are then computed for the whole batch. Finally every
  // part runs again with its graph, and backpropagates these gradients together with the classifier's loss.
  Losses step_in_parts(const Batch& batch, const ForwardOptions& how, const PartOptions& parts) override;

  std::vector<std::string> loss_names() const override { return {"gam", "hfam"}; }
  std::vector<std::pair<std::string, double>> figures() const override;  // temperatures of the losses that had posts in the last step

  // The tensors "momentum.*" and "gam.queue_*"; none if GAM is off.
  TensorMap state() const override;
  void restore(const TensorMap& tensors, const std::string& where) override;

  const FeatureQueue* queue() const { return queue_ ? &*queue_ : nullptr; }
  const MomentumTwins& twins() const { return twins_; }

 private:
  // Hidden states that the alignment losses compare. Undefined or empty for a loss that is off.
  struct Aligned {
    at::Tensor image_cls, text_cls;                     // [B, d], of layer gam.layer
    at::Tensor image_key, text_key;                     // [B, g], from the twins
    std::vector<at::Tensor> image_tokens, text_tokens;  // [B, P, d] and [B, T, d] per layer, the last one first
  };
  // Position of this rank's items (posts, texts or tokens) among those of all ranks.
  struct Share {
    int64_t first = 0, all = 0;
    std::vector<int64_t> rows;  // [K] items of each rank
  };
  Share share_of(int64_t posts);
  PackedTexts gather_texts(PackedTexts texts);
  Aligned aligned_of(const ForwardResult& forward) const;
  void move_twins();
  void add_keys(Aligned& aligned, const Batch& batch, const at::Tensor& feature_map, const ForwardOptions& how);
  // Sets losses.others. Returns lambda_g L_g + lambda_f L_f, undefined if neither loss has a post.
  at::Tensor align(const Batch& batch, const Aligned& aligned, const ForwardOptions& how, Losses& losses);
  void clamp_temperatures();
  LossTerm gam_loss(const Batch& batch, const Aligned& aligned);
  LossTerm hfam_loss(const Batch& batch, const Aligned& aligned, const at::Tensor& both_rows);
  Aligned gather_parts(std::vector<Batch>& batches, const ForwardOptions& how, const PartOptions& parts);
  void begin_part(const ForwardOptions& how, int64_t first, const Batch& part) const;  // `first`: index of the part in this rank's batch
  enum class Side { kImage, kText };
  // GAM's representation of one side (rows 15-17): the CLS, projected if proj_dim > 0, concatenated with CLIP's projected embedding.
  at::Tensor representation(Side side, const at::Tensor& cls, const Batch& batch, AlignmentParameters& parameters) const;

  InfigModel model_;
  const InfigOptions& options_;
  ClassificationLossOptions classification_;
  Ranks* ranks_;
  Share posts_;                                      // of the current step
  bool gam_counted_ = false, hfam_counted_ = false;  // whether the loss had posts in the last step
  MomentumTwins twins_{nullptr};
  std::optional<FeatureQueue> queue_;
  struct Keys {
    at::Tensor image, text, ids;
  };
  std::optional<Keys> keys_;  // of the last step, until commit()
};

}  // namespace infig
