// ResNet (He et al. 2016), basic and bottleneck blocks, parameter names as torchvision's (conv1.weight, layer1.0.bn1.running_mean, ...),
// without the classifier. Checkpoints in the naming of transformers' ResNetModel are renamed when they are read. Channels-last. So are its
// descendants in timm: ResNeXt, wide and deep-stemmed ResNets, squeeze-and-excitation, anti-aliasing.
// The modules are in resnet.cpp, config.json, renaming and loading in resnet_files.cpp, timm's architectures in timm_resnets.cpp.
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include <optional>
#include <string>
#include <vector>

#include "encoders/channel_gate.h"
#include "encoders/convolution_norm.h"
#include "encoders/image_backbone.h"

namespace infig {

enum class ChannelGate {
  kNone,
  kSqueezeExcite,     // se.fc1, se.fc2
  kChannelAttention,  // se.conv
};

// What takes a stride of 2 in place of the convolution, behind its activation.
enum class AntiAliasing {
  kNone,
  kBlur,     // reflected by a pixel, then the filter [1 2 1]' [1 2 1] / 16 at every second pixel (Zhang 2019)
  kAverage,  // the mean of 2x2 pixels
};

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
  // What timm's descendants have besides.
  int64_t groups = 1;       // of a bottleneck's 3x3 convolution (ResNeXt)
  int64_t base_width = 64;  // of each group: a bottleneck's 3x3 convolution has widths[i] base_width / 64, cut, times groups channels
  std::vector<int64_t> deep_stem = {};  // two widths: the stem is three 3x3 convolutions, the first of stem_stride, with these between them
  bool average_shortcut = false;        // a shortcut of stride 2 is the mean of 2x2 pixels, then a 1x1 convolution
  int64_t shortcut_kernel = 1;          // 1 or 3, of the shortcut's convolution where its stride is 2
  int64_t reduce_first = 1;             // a block's first convolution has that many times fewer channels
  ChannelGate gate = ChannelGate::kNone;  // over a block's output, before the sum
  double squeeze_ratio = 1.0 / 16;        // of kSqueezeExcite: channels between its layers, rounded to a multiple of 8, at least 8
  AntiAliasing anti_aliasing = AntiAliasing::kNone;
  bool convolution_pool = false;  // stem_pool is a 3x3 convolution of stride 2, with BatchNorm and hidden_act
  int64_t inner_width(int64_t width) const { return bottleneck ? width * base_width / 64 * groups : width; }
  int64_t expansion() const { return bottleneck ? 4 : 1; }
  int64_t feature_size() const { return widths.back() * expansion(); }
  int64_t stride() const { return stem_stride * (stem_pool ? 2 : 1) * (stride_in_first_stage ? 16 : 8); }  // pixels a grid cell, a side
  int64_t cells(int64_t size) const;  // cells a side for pictures of that size; 0: it does not take them
  void validate() const;              // throws ConfigError
  bool operator==(const ResNetOptions&) const = default;
};

// One residual block: y = act(f(x) + shortcut(x)); f = conv1, bn1, ReLU, conv2, bn2 (basic), with a third pair (bottleneck).
// The shortcut is downsample.0 (1x1 convolution) and downsample.1 (BatchNorm) where stride or channels change, else x itself.
class ResNetBlockImpl : public torch::nn::Module {
 public:
  ResNetBlockImpl(int64_t in_channels, int64_t width, int64_t stride, const ResNetOptions& options);
  // depth thins f(x); `share` is the block's.
  at::Tensor forward(const at::Tensor& x, bool batch_statistics, const StochasticDepth& depth = {}, double share = 0);

 private:
  void add_shortcut(int64_t in_channels, int64_t out_channels, int64_t stride, const ResNetOptions& options);
  at::Tensor shortcut(const at::Tensor& x, bool batch_statistics);

  Activation hidden_act_;
  std::vector<ConvolutionNorm> path_;
  std::vector<ConvolutionNorm> shortcut_;  // none or one
  bool average_ = false;                   // before the shortcut's convolution
  AntiAliasing anti_aliasing_ = AntiAliasing::kNone;
  size_t anti_aliased_ = 0;  // behind which of path_
  SqueezeExcite squeeze_excite_{nullptr};
  ChannelAttention channel_attention_{nullptr};
};
TORCH_MODULE(ResNetBlock);

// The options that a config.json of transformers' ResNetModel gives; throws ConfigError.
ResNetOptions resnet_options_from_json(const nlohmann::json& json);
// The options that the names and shapes of a checkpoint in torchvision's naming give: blocks a stage, widths, kind of block, groups, stem,
// shortcuts and gates. Anti-aliasing has no weights: what torchvision has, too, is read without it; otherwise it is as in the one of timm's
// networks that has all else, and where there are several all are named. Throws CheckpointError, `where` first.
ResNetOptions resnet_options_from_weights(const TensorMap& tensors, const std::string& where = "ResNet");
// timm's architecture of that name ("resnet50d", "seresnext50_32x4d", ...), or nothing where timm has none or it is not supported.
std::optional<ResNetOptions> timm_resnet(const std::string& architecture);
std::vector<std::string> timm_resnet_names();  // all that timm_resnet() knows
// Those that differ from `options` in anti-aliasing at most.
std::vector<std::string> timm_resnets_like(const ResNetOptions& options);
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
  using ImageBackbone::features;
  at::Tensor features(const at::Tensor& pixel_values, bool batch_statistics, const StochasticDepth& depth) override {
    return forward_all(pixel_values, batch_statistics, depth).back();
  }
  void initialize(uint64_t seed) override;  // initialize_convolutions()
  int64_t feature_size() const override { return options_.feature_size(); }
  int64_t stride() const override { return options_.stride(); }
  // As transformers' ResNetConfig, with stem_kernel, stem_stride and stem_pool beside it, and what a descendant has besides.
  nlohmann::json config() const override;
  // The feature map after the stem and after each stage, for tests.
  std::vector<at::Tensor> forward_all(const at::Tensor& pixel_values, bool batch_statistics, const StochasticDepth& depth = {});
  const ResNetOptions& options() const { return options_; }

 private:
  void make_stem();
  at::Tensor pool(const at::Tensor& x, bool batch_statistics);

  ResNetOptions options_;
  std::vector<ConvolutionNorm> stem_;  // one, or three of a deep stem
  std::optional<ConvolutionNorm> pool_;
  std::vector<torch::nn::ModuleList> stages_;
};
TORCH_MODULE(ResNet);

}  // namespace infig
