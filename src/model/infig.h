// The INFIG model: text tower, image tower, fusion, pooling and classification head (paper section 3; method.md, "Shapes").
// add_training_inputs(), which prepares what is computed once before training, is in infig_inputs.cpp.
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

// Parameters of one alignment loss, registered as `gam` or `hfam`: their names are gam.temperature, hfam.image_projection.weight, ...
class AlignmentParametersImpl : public torch::nn::Module {
 public:
  // image_projection and text_projection are Linear(hidden_size, proj_dim); with proj_dim 0 there are none.
  AlignmentParametersImpl(int64_t hidden_size, int64_t proj_dim, double temperature, bool learn_temperature);
  void add_clip(int64_t embed_dim, int64_t clip_dim);  // adds the clip_* projections, Linear(embed_dim, clip_dim), row 15
  void initialize(double std, uint64_t seed);          // draws random initial weights of the projections
  at::Tensor temperature;                              // scalar float
  torch::nn::Linear image_projection{nullptr}, text_projection{nullptr};
  torch::nn::Linear clip_image_projection{nullptr}, clip_text_projection{nullptr};
};
TORCH_MODULE(AlignmentParameters);

struct ForwardResult : ModelOutput {     // scores [B, P + T], attention [B, H, P + T, P + T] of the last fusion layer
  std::vector<at::Tensor> text_hidden;   // embeddings and n_t layers: n_t + 1 of [B, L, d]; [CLS] at position 0
  std::vector<at::Tensor> image_hidden;  // n_i + 1 of [B, 1 + P, d]; visual CLS at position 0
  at::Tensor feature_map;                // the backbone's output, or Batch::feature_map if given; [B, c, h, w] for a convolutional network
};

// Makes the image tower that the options describe, weights not yet set. This is the only place that knows which towers exist.
std::shared_ptr<ImageTower> make_image_tower(const ImageModelOptions& options);

class InfigModelImpl : public Model {
 public:
  // A model for `num_labels` classes, weights not yet set. options.finish() must have been called.
  InfigModelImpl(const InfigOptions& options, int64_t num_labels);
  // Also sets the weights: initialize(seed), then load_pretrained().
  InfigModelImpl(const InfigOptions& options, int64_t num_labels, uint64_t seed);

  // The two halves of run(). encode() runs both towers, whose hidden states the alignment losses need; classify() runs fusion, pooling and
  // head on them. A frozen backbone computes in fp32 whatever the precision (docs/training.md, "Precision"), as in the cache.
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
