// INFIG's image encoder: backbone grid -> projections -> Transformer (method.md rows 19-21).
#pragma once

#include <vector>

#include <torch/nn/module.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include "encoders/resnet.h"
#include "nn/dropout.h"
#include "nn/transformer.h"

namespace infig {

struct ImageEncoderOptions {
  ResNetOptions backbone;
  TransformerLayerOptions layer;
  int64_t num_hidden_layers = 6;
  int64_t grid = 7;                        // cells a side that the backbone gives at the training size
  bool learned_positions = false;          // image.pos = learned | none, row 21
  double initializer_range = 0.02;
  void validate() const;                   // throws ConfigError
};

// Image tokens are the grid row by row, each through grid_projection and GELU; the visual CLS is the grid's mean through cls_projection
// and GELU, and stands FIRST: hidden states are [B, 1 + P, D].
// Parameters: grid_projection.*, cls_projection.*, layer.N.*, position_embeddings (if learned).
// The backbone is registered as `backbone` in ImageEncoder.
class ImageTransformerImpl : public torch::nn::Module {  // what has a momentum twin: all but the backbone
 public:
  explicit ImageTransformerImpl(const ImageEncoderOptions& options);
  // feature_map [B, c, h, w] -> the n + 1 hidden states [B, 1 + h*w, D], projections first.
  std::vector<at::Tensor> forward(const at::Tensor& feature_map, DropoutSource* source);

 private:
  ImageEncoderOptions options_;
  torch::nn::Linear grid_projection_{nullptr}, cls_projection_{nullptr};
  torch::nn::ModuleList layers_;
  at::Tensor position_embeddings_;  // [1 + P, D], undefined unless learned
};
TORCH_MODULE(ImageTransformer);

}  // namespace infig
