// The interface of image towers: pictures in, hidden states of the tower's layers out. A backbone (convolutions, or the lower layers of a
// Vision Transformer) gives features, which can be cached while it is not trained; the tower's own layers turn them into hidden states.
// HFAM, GAM's twins and the feature cache use towers through this interface alone.
#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "encoders/image_backbone.h"
#include "nn/dropout.h"

namespace infig {

class ImageTower : public torch::nn::Module {
 public:
  // features: what the backbone gives for pictures, or a cache of it (for convolutions [B, c, h, w] float, channels-last in memory; for a
  // Vision Transformer [B, T, D']).
  // Returns the hidden states of layers first_layer() .. num_hidden_layers(), each [B, 1 + P, D] float with the visual CLS at position 0;
  // layer 0 is what enters the first Transformer layer. A null source is evaluation. Throws ShapeError.
  virtual std::vector<at::Tensor> forward(const at::Tensor& features, DropoutSource* source) = 0;
  virtual void initialize(uint64_t seed) = 0;  // random initial weights of the tower's own layers; the backbone has its own

  virtual int64_t hidden_size() const = 0;
  virtual int64_t num_hidden_layers() const = 0;
  virtual int64_t first_layer() const { return 0; }  // the lowest that forward() returns; above 0 where lower ones belong to the backbone
  // The layer of a parameter of this module: 1 .. num_hidden_layers(); 0 for parameters below all layers, a convolutional backbone
  // included.
  virtual int64_t layer_of(const std::string& parameter) const = 0;

  virtual std::shared_ptr<ImageBackbone> backbone() const = 0;  // null in a twin, which shares its tower's
  // The same layers without a backbone, weights not yet set, under the same parameter names: the momentum twin (method.md row 9).
  // It is given the features of its tower's backbone.
  virtual std::shared_ptr<ImageTower> make_twin() const = 0;
  // The same backbone, weights not yet set: a trained one's twin (gam.momentum_backbone).
  virtual std::shared_ptr<ImageBackbone> make_backbone_twin() const = 0;
  // The weights of the published backbone that the tower was made for. Throws CheckpointError, naming `where`.
  virtual void load_backbone(const ImageBackbone& published, const std::string& where);

  // pixel_values [B, 3, S, S] float -> features; see ImageBackbone::features. The tower must have a backbone.
  at::Tensor features(const at::Tensor& pixel_values, bool batch_statistics, const StochasticDepth& depth = {}) const;
};

}  // namespace infig
