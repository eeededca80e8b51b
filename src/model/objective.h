// The training objective: L = L_sc + lambda_g L_g + lambda_f L_f (eq. 12), with the momentum twins and queues that L_g needs.
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include <cstdint>
#include <optional>

#include "alignment/queue.h"
#include "losses/classification_loss.h"
#include "losses/loss_term.h"
#include "model/infig.h"
#include "tensor/archive.h"

namespace infig {

// Copies of what produces GAM's representations (row 9): text encoder, image Transformer with its input linears, GAM's projections, and the
// backbone where gam.momentum_backbone asks for it.
class MomentumTwinsImpl : public torch::nn::Module {
 public:
  explicit MomentumTwinsImpl(const InfigOptions& options);
  std::shared_ptr<TextEncoder> text_encoder;
  ImageTransformer image_encoder{nullptr};
  std::shared_ptr<ImageBackbone> backbone;  // only with gam.momentum_backbone
  AlignmentParameters gam{nullptr};         // only where GAM projects: gam.proj_dim > 0, or CLIP
};
TORCH_MODULE(MomentumTwins);

struct Losses {
  at::Tensor total;                    // scalar, with gradient
  LossTerm classification, gam, hfam;  // count 0 where switched off, or no post has both sides
  at::Tensor logits;
};

class Objective {
 public:
  // `train_posts` bounds the queue: it must stay below the training split less a batch, or copies of the same post become negatives
  // (row 4); a longer one is clamped and the log says so.
  Objective(InfigModel model, int64_t train_posts, int64_t batch_size, uint64_t seed, ClassificationLossOptions classification = {});

  // Forward, losses, and the step of the twins. Rows of a batch without both sides are left out of GAM and HFAM. The batch's keys enter
  // the queue with commit(), so that a step that is thrown away leaves nothing there.
  Losses step(const Batch& batch, const ForwardOptions& how);
  void commit();

  // After the optimizer's step: temperatures back into [.001, .5].
  void clamp_temperatures();

  // "momentum.*" and "gam.queue_*": training state for trainer.safetensors; empty where GAM is off.
  TensorMap state() const;
  void restore(const TensorMap& tensors, const std::string& where);  // throws CheckpointError

  const FeatureQueue* queue() const { return queue_ ? &*queue_ : nullptr; }
  const MomentumTwins& twins() const { return twins_; }

 private:
  LossTerm gam_loss(const Batch& batch, const ForwardResult& forward, const ForwardOptions& how);
  LossTerm hfam_loss(const Batch& batch, const ForwardResult& forward, const at::Tensor& both_rows);
  enum class Side { kImage, kText };
  // GAM's representation of one side: CLS, projected where asked for, and with CLIP the projected embedding beside it (rows 15-17).
  at::Tensor representation(Side side, const at::Tensor& cls, const Batch& batch, AlignmentParameters& parameters) const;

  InfigModel model_;
  const InfigOptions& options_;
  ClassificationLossOptions classification_;
  MomentumTwins twins_{nullptr};
  std::optional<FeatureQueue> queue_;
  struct Keys {
    at::Tensor image, text, ids;
  };
  std::optional<Keys> keys_;  // of the step that is not committed yet
};

}  // namespace infig
