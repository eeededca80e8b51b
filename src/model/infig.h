// INFIG assembled: text and image tower, fusion, pooling, head (paper section 3, method.md "Shapes"). What is computed once before training
// is in infig_inputs.cpp.
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include <memory>
#include <vector>

#include "encoders/image_tower.h"
#include "encoders/text_encoder.h"
#include "fusion/fusion.h"
#include "model/infig_options.h"
#include "model/model.h"

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

struct ForwardResult : ModelOutput {     // scores [B, P + T], attention [B, H, P + T, P + T] of the last fusion layer
  std::vector<at::Tensor> text_hidden;   // n_t + 1 of [B, L, d]; [CLS] at position 0
  std::vector<at::Tensor> image_hidden;  // n_i + 1 of [B, 1 + P, d]; visual CLS at position 0
  at::Tensor feature_map;                // of the image tower's backbone, or the batch's own; convolutions give [B, c, h, w]
};

// The image tower that the options describe, weights not yet set: the one place that knows which towers there are.
std::shared_ptr<ImageTower> make_image_tower(const ImageModelOptions& options);

class InfigModelImpl : public Model {
 public:
  // `num_labels` classes, weights not yet set. Options must be finish()ed.
  InfigModelImpl(const InfigOptions& options, int64_t num_labels);
  // The same with weights: initialize(seed), then load_pretrained().
  InfigModelImpl(const InfigOptions& options, int64_t num_labels, uint64_t seed);

  // run() in two halves: the towers, which the alignment losses look at, and fusion, pooling and head on what they gave. A backbone that
  // is not trained computes in fp32 whatever the precision (docs/training.md, "Precision"): its features are what a cache of them holds.
  ForwardResult encode(const Batch& batch, const ForwardOptions& how);
  void classify(ForwardResult& result, const Batch& batch, const ForwardOptions& how);
  ForwardResult run(const Batch& batch, const ForwardOptions& how);

  ModelOutput forward(const Batch& batch, const ForwardOptions& how) override { return run(batch, how); }
  std::unique_ptr<Objective> make_objective(const ObjectiveContext& context) override;  // InfigObjective
  void initialize(uint64_t seed) override;
  void load_pretrained() override;
  LoaderInputs inputs(const Tokenizer* tokenizer) const override;
  std::map<std::string, std::string> add_training_inputs(PostLoader& loader, const InputContext& context) override;
  std::optional<int64_t> layers_above(const std::string& parameter) const override;
  int64_t pad_token_id() const override { return text_encoder->pad_token_id(); }
  nlohmann::json facts() const override;
  const InfigOptions& options() const { return options_; }

  std::shared_ptr<TextEncoder> text_encoder;
  std::shared_ptr<ImageTower> image_encoder;
  FusionTransformer fusion{nullptr};
  AttentionPooling pooling{nullptr};
  Head head{nullptr};
  AlignmentParameters gam{nullptr}, hfam{nullptr};

 private:
  at::Tensor features_of(const Batch& batch, const ForwardOptions& how) const;
  InfigOptions options_;
};
TORCH_MODULE(InfigModel);

}  // namespace infig
