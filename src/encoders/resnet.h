// ResNet (He et al. 2016), basic and bottleneck blocks, parameter names as torchvision's (conv1.weight, layer1.0.bn1.running_mean, ...),
// without the classifier. Checkpoints in the naming of transformers' ResNetModel are renamed when they are read. Channels-last.
// The modules are in resnet.cpp, config.json, renaming and loading in resnet_files.cpp.
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include <vector>

#include "encoders/convolution_norm.h"
#include "encoders/image_backbone.h"

namespace infig {

struct ResNetOptions {
  bool bottleneck = true;                             // blocks of 1x1, 3x3, 1x1 (expansion 4) instead of two 3x3
  std::vector<int64_t> layers = {3, 4, 6, 3};         // blocks in each of the four stages
  std::vector<int64_t> widths = {64, 128, 256, 512};  // channels of each stage before expansion
  int64_t stem_kernel = 7;                            // odd; padding kernel / 2
  int64_t stem_stride = 2;
  int64_t stem_width = 64;       // channels of the stem
  bool stem_pool = true;         // 3x3 max pooling of stride 2 after the stem
  bool stride_on_first = false;  // a bottleneck's stride is on its first 1x1 convolution instead of its 3x3 (downsample_in_bottleneck)
  bool stride_in_first_stage = false;         // the first stage halves the grid, too (downsample_in_first_stage)
  Activation hidden_act = Activation::kRelu;  // of the stem and behind each block's sum; inside blocks it is ReLU, as published
  int64_t expansion() const { return bottleneck ? 4 : 1; }
  int64_t feature_size() const { return widths.back() * expansion(); }
  int64_t stride() const { return stem_stride * (stem_pool ? 2 : 1) * (stride_in_first_stage ? 16 : 8); }  // pixels a grid cell, a side
  void validate() const;                                                                                   // throws ConfigError
};

// One residual block: y = act(f(x) + shortcut(x)); f = conv1, bn1, ReLU, conv2, bn2 (basic), with a third pair (bottleneck).
// The shortcut is downsample.0 (1x1 convolution) and downsample.1 (BatchNorm) where stride or channels change, else x itself.
class ResNetBlockImpl : public torch::nn::Module {
 public:
  ResNetBlockImpl(int64_t in_channels, int64_t width, int64_t stride, const ResNetOptions& options);
  at::Tensor forward(const at::Tensor& x, bool batch_statistics);

 private:
  Activation hidden_act_;
  std::vector<ConvolutionNorm> path_;
  std::vector<ConvolutionNorm> shortcut_;  // none or one
};
TORCH_MODULE(ResNetBlock);

// The options that a config.json of transformers' ResNetModel gives; throws ConfigError.
ResNetOptions resnet_options_from_json(const nlohmann::json& json);
// The options that the names and shapes of a checkpoint in torchvision's naming give: blocks a stage, widths, kind of block.
ResNetOptions resnet_options_from_weights(const TensorMap& tensors);
// transformers' names -> torchvision's: "encoder.stages.1.layers.0.shortcut.normalization.bias" -> "layer2.0.downsample.1.bias". Other
// names stay as they are.
std::string torchvision_name(const std::string& name);

class ResNetImpl : public ImageBackbone {
 public:
  explicit ResNetImpl(const ResNetOptions& options);
  // pixel_values [B, 3, S, S] float (channels-last preferred). batch_statistics: BatchNorm in training mode (statistics of the batch,
  // running ones updated); otherwise the running statistics are used. Returns the feature map [B, c, S/stride, S/stride] (rounded up).
  // Throws ShapeError.
  at::Tensor forward(const at::Tensor& pixel_values, bool batch_statistics);
  at::Tensor features(const at::Tensor& pixel_values, bool batch_statistics) override { return forward(pixel_values, batch_statistics); }
  void initialize(uint64_t seed) override;  // initialize_convolutions()
  int64_t feature_size() const override { return options_.feature_size(); }
  int64_t stride() const override { return options_.stride(); }
  nlohmann::json config() const override;  // as transformers' ResNetConfig, with stem_kernel, stem_stride and stem_pool beside it
  // The feature map after the stem and after each stage, for tests.
  std::vector<at::Tensor> forward_all(const at::Tensor& pixel_values, bool batch_statistics);
  const ResNetOptions& options() const { return options_; }

 private:
  ResNetOptions options_;
  ConvolutionNorm stem_;
  std::vector<torch::nn::ModuleList> stages_;
};
TORCH_MODULE(ResNet);

}  // namespace infig
