// Networks of inverted bottlenecks with squeeze-and-excitation: EfficientNet (Tan and Le 2019) and MobileNetV3 (Howard et al. 2019),
// parameter names as timm's (conv_stem.weight, blocks.2.1.conv_dw.weight, blocks.2.1.se.conv_reduce.bias, conv_head.weight,
// bn2.running_var, ...), without the classifier. Checkpoints in the naming of torchvision and of transformers are renamed when they are
// read. Channels-last. The modules are in inverted_net.cpp, the published networks in inverted_variants.cpp, config.json, renaming and bare
// checkpoints in inverted_files.cpp.
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "encoders/channel_gate.h"
#include "encoders/convolution_norm.h"
#include "encoders/image_backbone.h"

namespace infig {

enum class InvertedKind {
  kSeparable,  // depthwise, gate, 1x1 to out_channels: an inverted bottleneck that expands nothing
  kInverted,   // 1x1 to expanded, depthwise, gate, 1x1 to out_channels
  kPlain,      // one 1x1 convolution with BatchNorm and activation
};

struct InvertedBlockOptions {
  InvertedKind kind = InvertedKind::kInverted;
  int64_t in_channels = 0;
  int64_t expanded = 0;  // channels of the depthwise convolution; in_channels where nothing is expanded
  int64_t out_channels = 0;
  int64_t kernel = 3;    // of the depthwise convolution, odd
  int64_t stride = 1;    // 1 or 2
  int64_t squeezed = 0;  // channels between the layers of the gate; 0: no gate
  Activation activation = Activation::kRelu;
  Activation gate_activation = Activation::kRelu;
  bool residual = false;       // the block's input is added to its output
  bool square_padding = true;  // under InvertedPadding::kBehind a depthwise convolution of stride 2 is padded on all sides alike
};

enum class InvertedPadding {
  kEven,    // kernel / 2 on every side
  kSame,    // TensorFlow's "same", from the actual size of the picture
  kBehind,  // transformers' EfficientNet: of stride 2, kernel / 2 - 1 before and kernel / 2 behind, whatever the size; the stem 0 and 1
};

struct InvertedNetOptions {
  std::string name = {};  // "efficientnet-b0", ...: for messages and reports
  int64_t stem_width = 32;
  int64_t head_width = 1280;                         // a 1x1 convolution behind the last stage; 0: none
  Activation activation = Activation::kSilu;         // of stem and head
  bool hard_gate = false;                            // SqueezeExciteOptions::hard_gate of every gate
  InvertedPadding padding = InvertedPadding::kEven;  // of stem and depthwise convolutions
  double eps = 1e-5;                                 // of every BatchNorm
  double momentum = 0.1;                             // of every BatchNorm's running statistics
  double expand_momentum = 0.1;                      // of those behind the convolutions that expand
  std::vector<std::vector<InvertedBlockOptions>> stages = {};
  int64_t feature_size() const;       // channels of the grid
  int64_t stride() const;             // pixels a grid cell, a side
  int64_t cells(int64_t size) const;  // cells a side for pictures of that size
  void validate() const;              // throws ConfigError
};

class InvertedBlockImpl : public torch::nn::Module {
 public:
  InvertedBlockImpl(const InvertedBlockOptions& options, const InvertedNetOptions& net);
  // depth thins the branch of a residual block; `share` is the block's.
  at::Tensor forward(const at::Tensor& x, bool batch_statistics, const StochasticDepth& depth = {}, double share = 0);

 private:
  void add(const ConvolutionNormOptions& options, const char* convolution, const char* norm);
  std::vector<ConvolutionNorm> path_;  // in the order they are applied
  SqueezeExcite gate_{nullptr};        // before the last of path_
  Activation activation_;
  bool residual_, plain_;
};
TORCH_MODULE(InvertedBlock);

class InvertedNetImpl : public ImageBackbone {
 public:
  explicit InvertedNetImpl(const InvertedNetOptions& options);
  using ImageBackbone::features;
  at::Tensor features(const at::Tensor& pixel_values, bool batch_statistics, const StochasticDepth& depth) override;
  // The maps after the stem, after every stage, and after the head where there is one, for tests.
  std::vector<at::Tensor> forward_all(const at::Tensor& pixel_values, bool batch_statistics);
  void initialize(uint64_t seed) override;  // initialize_convolutions()
  int64_t feature_size() const override { return options_.feature_size(); }
  int64_t stride() const override { return options_.stride(); }
  nlohmann::json config() const override;  // {"model_type": "inverted-net", ...}: every number of InvertedNetOptions
  const InvertedNetOptions& options() const { return options_; }

 private:
  at::Tensor run(const at::Tensor& pixel_values, bool batch_statistics, const StochasticDepth& depth, std::vector<at::Tensor>* maps);

  InvertedNetOptions options_;
  std::optional<ConvolutionNorm> stem_, head_;
  torch::nn::ModuleList stages_;
};
TORCH_MODULE(InvertedNet);

// What InvertedNetImpl::config() wrote. Throws ConfigError naming key, value and what is allowed.
InvertedNetOptions inverted_net_from_json(const nlohmann::json& json);
// What a config.json of transformers' EfficientNetModel gives. Throws ConfigError.
InvertedNetOptions efficientnet_from_transformers(const nlohmann::json& json);

// Which of the published ones, and as whose code builds it: the same weights give other numbers in each.
enum class InvertedMaker {
  kTimm,         // timm's own: even padding, BatchNorm's eps 1e-5
  kTimmTf,       // timm's tf_*: weights of TensorFlow, "same" padding, eps 1e-3
  kTorchvision,  // even padding; eps 1e-5 (EfficientNet B0 to B4) or 1e-3 (B5 to B7, MobileNetV3)
};
// B0 .. B8 (torchvision has B0 .. B7).
InvertedNetOptions efficientnet(int64_t number, InvertedMaker maker);
// Any width and depth: channels are multiplied by `width` and rounded to multiples of 8, repetitions by `depth` and rounded up.
InvertedNetOptions scaled_efficientnet(double width, double depth, InvertedMaker maker);
struct MobileNetV3Options {
  bool large = true;
  bool minimal = false;  // no gates, ReLU, kernels of 3 (timm's tf_*_minimal)
  double width = 1.0;    // multiplies channels, which are then rounded to multiples of 8
  InvertedMaker maker = InvertedMaker::kTimm;
};
InvertedNetOptions mobilenet_v3(const MobileNetV3Options& options);

enum class InvertedNaming { kTimm, kTorchvision, kTransformers };
// How one of the makers calls what holds parameters: (theirs, ours), "features.0.0" and "conv_stem".
std::vector<std::pair<std::string, std::string>> inverted_names(const InvertedNetOptions& options, InvertedNaming naming);
// The checkpoint's tensors under our names, without the classifier. Unknown names stay, and are unexpected when they are loaded.
TensorMap inverted_weights(const TensorMap& tensors, const InvertedNetOptions& options, InvertedNaming naming, const std::string& where);
// Nothing where the names are those of no such network.
std::optional<InvertedNaming> inverted_naming(const TensorMap& tensors);
// What a bare checkpoint is: torchvision's files say it. timm's do not: the same names and shapes are two networks, and both are named in
// the CheckpointError, as is a checkpoint that is none of the published ones.
InvertedNetOptions inverted_net_from_weights(const TensorMap& tensors, InvertedNaming naming, const std::string& where);

}  // namespace infig
