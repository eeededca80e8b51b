// INFIG's own image tower: backbone grid -> projections -> Transformer (method.md rows 19-21).
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include <memory>
#include <vector>

#include "encoders/image_tower.h"
#include "encoders/resnet.h"
#include "nn/dropout.h"
#include "nn/transformer.h"

namespace infig {

struct ImageEncoderOptions {
  ResNetOptions backbone;    // of a backbone from scratch
  int64_t feature_size = 0;  // channels of the grid that another backbone gives; 0: backbone's
  TransformerLayerOptions layer;
  int64_t num_hidden_layers = 6;
  int64_t grid = 7;                 // cells a side that the backbone gives at the training size
  bool learned_positions = false;   // image.pos = learned | none, row 21
  double initializer_range = 0.02;  // for random initial weights
  int64_t channels() const { return feature_size > 0 ? feature_size : backbone.feature_size(); }
  void validate() const;  // throws ConfigError
};

// Image tokens are the grid row by row, each through grid_projection and GELU; the visual CLS is the grid's mean through cls_projection
// and GELU, and stands FIRST: hidden states are [B, 1 + P, D]. Learned positions are added to these.
// Parameters: grid_projection.*, cls_projection.*, layer.N.*, position_embeddings [1 + grid^2, D] (if learned).
class ImageTransformerImpl : public ImageTower {  // everything but the backbone: the part that has a momentum twin
 public:
  explicit ImageTransformerImpl(const ImageEncoderOptions& options);
  // feature_map [B, c, h, w] float -> the n + 1 hidden states [B, 1 + h*w, D], projections first. h and w are free unless positions are
  // learned. Throws ShapeError.
  std::vector<at::Tensor> forward(const at::Tensor& feature_map, DropoutSource* source) override;
  void initialize(uint64_t seed) override;  // BERT's rule
  int64_t hidden_size() const override { return options_.layer.hidden_size; }
  int64_t num_hidden_layers() const override { return options_.num_hidden_layers; }
  int64_t layer_of(const std::string& parameter) const override;  // by layer.N.*
  std::shared_ptr<ImageBackbone> backbone() const override { return nullptr; }
  std::shared_ptr<ImageBackbone> make_backbone_twin() const override { return nullptr; }
  std::shared_ptr<ImageTower> make_twin() const override { return std::make_shared<ImageTransformerImpl>(options_); }
  const ImageEncoderOptions& options() const { return options_; }

 private:
  ImageEncoderOptions options_;
  torch::nn::Linear grid_projection_{nullptr}, cls_projection_{nullptr};
  torch::nn::ModuleList layers_;
  at::Tensor position_embeddings_;  // [1 + P, D], undefined unless learned
};
TORCH_MODULE(ImageTransformer);

// The whole encoder: an ImageTransformer's parameters at its own top level, and backbone.* beside them, so that the twin's names are a
// subset of these.
class ImageEncoderImpl : public ImageTransformerImpl {
 public:
  // Null: a ResNet is made from the options. Throws ConfigError if a backbone's channels are not those of the options.
  explicit ImageEncoderImpl(const ImageEncoderOptions& options, std::shared_ptr<ImageBackbone> backbone = nullptr);
  std::shared_ptr<ImageBackbone> backbone() const override { return backbone_; }
  std::shared_ptr<ImageBackbone> make_backbone_twin() const override;

 private:
  std::shared_ptr<ImageBackbone> backbone_;
};
TORCH_MODULE(ImageEncoder);

}  // namespace infig
