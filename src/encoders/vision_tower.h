// A Vision Transformer as image tower (method.md rows 46-48): its uppermost layers are the tower's, the layers below with patches and
// positions are the backbone, whose output can be cached while it is not trained.
#pragma once

#include <torch/nn/modules/linear.h>
#include <torch/types.h>

#include <memory>
#include <string>
#include <vector>

#include "encoders/image_tower.h"
#include "encoders/vision_transformer.h"

namespace infig {

struct VisionTowerOptions {
  VisionTransformerOptions network;
  int64_t upper_layers = 6;         // the tower's own, uppermost ones; 1 .. network.num_hidden_layers
  int64_t hidden_size = 768;        // D of the hidden states; where the network's differs, a linear map leads to it
  double initializer_range = 0.02;  // of that map's random initial weights
  double drop_path = 0;             // [0, 1): stochastic depth of the tower's own layers; the backbone's is given to features()
  void validate() const;            // throws ConfigError
};

// Hidden states: first_layer() .. num_hidden_layers() of the network, each with the CLS at position 0, then the patches; DeiT's
// distillation token and registers are left out. The last one has gone through the network's final LayerNorm, CLIP's patches too. SigLIP
// has no CLS: in its place is what its pooling head makes of the state. Parameters: backbone.* and vision.*, which together are the
// network's under its published names; projection.* where widths differ.
class VisionTowerImpl : public ImageTower {
 public:
  explicit VisionTowerImpl(const VisionTowerOptions& options, bool with_backbone = true);
  // features [B, extra_tokens + P, D'] float: the input of the lowest of the tower's own layers. Throws ShapeError.
  std::vector<at::Tensor> forward(const at::Tensor& features, DropoutSource* source) override;
  void initialize(uint64_t seed) override;
  void load_backbone(const ImageBackbone& published, const std::string& where) override;
  int64_t hidden_size() const override { return options_.hidden_size; }
  int64_t num_hidden_layers() const override { return options_.network.num_hidden_layers; }
  int64_t first_layer() const override { return num_hidden_layers() - options_.upper_layers; }
  int64_t layer_of(const std::string& parameter) const override;
  std::shared_ptr<ImageBackbone> backbone() const override { return lower_; }
  std::shared_ptr<ImageTower> make_twin() const override { return std::make_shared<VisionTowerImpl>(options_, false); }
  std::shared_ptr<ImageBackbone> make_backbone_twin() const override;

 private:
  VisionTowerOptions options_;
  std::shared_ptr<VisionTransformerImpl> lower_, upper_;
  torch::nn::Linear projection_{nullptr};
};
TORCH_MODULE(VisionTower);

}  // namespace infig
