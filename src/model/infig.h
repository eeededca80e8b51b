// INFIG assembled: text and image encoder, fusion, pooling, head (paper section 3, method.md "Shapes").
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include <memory>
#include <vector>

#include "core/stage_timer.h"
#include "encoders/image_encoder.h"
#include "encoders/text_encoder.h"
#include "fusion/fusion.h"
#include "model/infig_options.h"
#include "nn/dropout.h"
#include "tensor/batch.h"

namespace infig {

// Holder of the alignment modules' own parameters, so that they are called gam.temperature, hfam.temperature, ...
class AlignmentParametersImpl : public torch::nn::Module {
 public:
  // proj_dim 0: no projections. image and text projections are Linear(hidden, proj_dim).
  AlignmentParametersImpl(int64_t hidden_size, int64_t proj_dim, double temperature, bool learn_temperature);
  void add_clip(int64_t embed_dim, int64_t clip_dim);  // clip_image_ and clip_text_projection: Linear(embed_dim, clip_dim), row 15
  void initialize(double std, uint64_t seed);          // random initial weights of the projections
  at::Tensor temperature;                              // scalar
  torch::nn::Linear image_projection{nullptr}, text_projection{nullptr};
  torch::nn::Linear clip_image_projection{nullptr}, clip_text_projection{nullptr};
};
TORCH_MODULE(AlignmentParameters);

struct ForwardResult {
  at::Tensor logits;                     // [B, C] float
  std::vector<at::Tensor> text_hidden;   // n_t + 1 of [B, L, d]; [CLS] at position 0
  std::vector<at::Tensor> image_hidden;  // n_i + 1 of [B, 1 + P, d]; visual CLS at position 0
  at::Tensor feature_map;                // [B, c, h, w]: of the backbone, or the batch's own
  at::Tensor scores;                     // [B, P + T]: attention pooling, image tokens first
  at::Tensor attention;                  // [B, H, P + T, P + T] of the last fusion layer; undefined unless asked for
};

struct ForwardOptions {
  DropoutSource* dropout = nullptr;  // null: evaluation
  bool training = false;             // BatchNorm as image.batch_norm_train says
  bool want_attention = false;
  StageTimer* timer = nullptr;
};

// Encoders that come with weights of their own.
struct PublishedParts {
  std::shared_ptr<TextEncoder> text_encoder = nullptr;  // null: made from the options, with random weights
  std::shared_ptr<ImageBackbone> backbone = nullptr;    // likewise
};

// Loads what options.text.model and options.image.model name. The options must be resolve_published()ed.
PublishedParts load_published_parts(const InfigOptions& options);

// A text encoder as the options describe it, without weights: published or from scratch.
std::shared_ptr<TextEncoder> make_text_encoder(const TextOptions& options);
std::shared_ptr<ImageBackbone> make_backbone(const ImageModelOptions& options);

class InfigModelImpl : public torch::nn::Module {
 public:
  // `num_labels` classes. Weights that `parts` do not bring are drawn from streams of `seed`. Options must be finish()ed.
  InfigModelImpl(const InfigOptions& options, int64_t num_labels, uint64_t seed, const PublishedParts& parts = {});

  ForwardResult forward(const Batch& batch, const ForwardOptions& how);
  // The same in two halves: the encoders, which the alignment losses look at, and fusion, pooling and head on what they gave.
  ForwardResult encode(const Batch& batch, const ForwardOptions& how);
  void classify(ForwardResult& result, const Batch& batch, const ForwardOptions& how);

  const InfigOptions& options() const { return options_; }
  int64_t num_labels() const { return num_labels_; }

  std::shared_ptr<TextEncoder> text_encoder;
  ImageEncoder image_encoder{nullptr};
  FusionTransformer fusion{nullptr};
  AttentionPooling pooling{nullptr};
  Head head{nullptr};
  AlignmentParameters gam{nullptr}, hfam{nullptr};

 private:
  InfigOptions options_;
  int64_t num_labels_;
};
TORCH_MODULE(InfigModel);

}  // namespace infig
