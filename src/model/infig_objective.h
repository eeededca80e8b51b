// INFIG's training objective: L = L_sc + lambda_g L_g + lambda_f L_f (eq. 12), with the momentum twins and queues that L_g needs.
// The step in parts is in infig_parts.cpp, the rest in infig_objective.cpp.
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

// Copies of what produces GAM's representations (row 9): text tower, image tower without its backbone, GAM's projections, and the backbone
// where gam.momentum_backbone asks for it.
class MomentumTwinsImpl : public torch::nn::Module {
 public:
  MomentumTwinsImpl(const InfigOptions& options, const ImageTower& image_tower);
  std::shared_ptr<TextEncoder> text_encoder;
  std::shared_ptr<ImageTower> image_encoder;
  std::shared_ptr<ImageBackbone> backbone;  // only with gam.momentum_backbone
  AlignmentParameters gam{nullptr};         // only where GAM projects: gam.proj_dim > 0, or CLIP
};
TORCH_MODULE(MomentumTwins);

class InfigObjective : public Objective {
 public:
  // `train_posts` bounds the queue: it must stay below the training split less a batch, or copies of the same post become negatives
  // (row 4); a longer one is clamped and the log says so.
  // `batch_size` is the whole batch's, over all ranks; a batch given to step() is then this rank's part of it (Ranks::part), texts as wide
  // as the whole batch's. The contrastive losses see every rank's posts. Collective.
  InfigObjective(InfigModel model, int64_t train_posts, int64_t batch_size, uint64_t seed, ClassificationLossOptions classification = {},
                 Ranks& ranks = Ranks::alone());

  // Forward, losses, and the step of the twins. Rows of a batch without both sides are left out of GAM and HFAM. The batch's keys enter
  // the queue with commit(), so that a step that is thrown away leaves nothing there.
  // Losses::others are "gam" and "hfam", of count 0 where no post has both sides.
  Losses step(const Batch& batch, const ForwardOptions& how) override;
  // The keys enter the queue; the temperatures are clamped to [.001, .5] (row 12).
  void commit() override;

  // As GradCache does it (Gao et al. 2021): first the towers over every part without a graph, for what GAM and HFAM look at; then both
  // losses on the whole batch and their gradients with respect to that; then every part again with its graph, those gradients and the
  // classifier's.
  Losses step_in_parts(const Batch& batch, const ForwardOptions& how, const PartOptions& parts) override;

  std::vector<std::string> loss_names() const override { return {"gam", "hfam"}; }
  std::vector<std::pair<std::string, double>> figures() const override;  // the temperatures of losses that counted posts in the last step

  // "momentum.*" and "gam.queue_*"; empty where GAM is off.
  TensorMap state() const override;
  void restore(const TensorMap& tensors, const std::string& where) override;

  const FeatureQueue* queue() const { return queue_ ? &*queue_ : nullptr; }
  const MomentumTwins& twins() const { return twins_; }

 private:
  // What the alignment losses look at. Undefined or empty where a loss is off.
  struct Aligned {
    at::Tensor image_cls, text_cls;                     // [B, d] of gam.layer
    at::Tensor image_key, text_key;                     // [B, g] from the twins
    std::vector<at::Tensor> image_tokens, text_tokens;  // [B, P, d], [B, T, d], from the last layer backwards
  };
  // Where this rank's posts of one kind lie among those of all ranks.
  struct Share {
    int64_t first = 0, all = 0;
    std::vector<int64_t> rows;  // [K] posts of each rank
  };
  Share share_of(int64_t posts);
  PackedTexts gather_texts(PackedTexts texts);
  Aligned aligned_of(const ForwardResult& forward) const;
  void move_twins();
  void add_keys(Aligned& aligned, const Batch& batch, const at::Tensor& feature_map, const ForwardOptions& how);
  // Sets losses.others; returns lambda_g L_g + lambda_f L_f, undefined where neither counts a post.
  at::Tensor align(const Batch& batch, const Aligned& aligned, const ForwardOptions& how, Losses& losses);
  void clamp_temperatures();
  LossTerm gam_loss(const Batch& batch, const Aligned& aligned);
  LossTerm hfam_loss(const Batch& batch, const Aligned& aligned, const at::Tensor& both_rows);
  Aligned gather_parts(std::vector<Batch>& batches, const ForwardOptions& how, const PartOptions& parts);
  void begin_part(const ForwardOptions& how, int64_t first, const Batch& part) const;  // `first` in this rank's part of the batch
  enum class Side { kImage, kText };
  // GAM's representation of one side: CLS, projected where asked for, and with CLIP the projected embedding beside it (rows 15-17).
  at::Tensor representation(Side side, const at::Tensor& cls, const Batch& batch, AlignmentParameters& parameters) const;

  InfigModel model_;
  const InfigOptions& options_;
  ClassificationLossOptions classification_;
  Ranks* ranks_;
  Share posts_;                                      // of the step that is computed
  bool gam_counted_ = false, hfam_counted_ = false;  // in the last step
  MomentumTwins twins_{nullptr};
  std::optional<FeatureQueue> queue_;
  struct Keys {
    at::Tensor image, text, ids;
  };
  std::optional<Keys> keys_;  // of the step that is not committed yet
};

}  // namespace infig
