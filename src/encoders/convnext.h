// ConvNeXt (Liu et al. 2022), parameter names as timm's (stem.0.weight, stages.1.downsample.0.bias, stages.0.blocks.2.conv_dw.weight,
// stages.0.blocks.2.gamma, ...), without the classifier and the LayerNorm behind its pooling. Checkpoints in the naming of transformers, of
// torchvision and of the authors are renamed when they are read. Channels-last.
// The modules are in convnext.cpp; options from config.json, names and shapes, and renaming in convnext_files.cpp.
#pragma once

#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include <string>
#include <vector>

#include "encoders/convolution.h"
#include "encoders/image_backbone.h"
#include "nn/activation.h"

namespace infig {

enum class ConvNextStem {
  kPatch,    // one convolution of patch_size, stride patch_size
  kOverlap,  // two 3x3 convolutions of stride 2, `stem_width` channels between them
};

struct ConvNextOptions {
  std::vector<int64_t> depths = {3, 3, 9, 3};               // blocks in each stage; a stage behind the first halves the grid
  std::vector<int64_t> hidden_sizes = {96, 192, 384, 768};  // channels of each stage
  std::vector<int64_t> kernel_sizes = {7, 7, 7, 7};         // of each stage's depthwise convolutions, odd
  ConvNextStem stem = ConvNextStem::kPatch;
  int64_t patch_size = 4;  // of ConvNextStem::kPatch
  int64_t stem_width = 0;  // of ConvNextStem::kOverlap
  Activation hidden_act = Activation::kGelu;
  double layer_norm_eps = 1e-6;
  bool layer_scale = true;  // each block's branch is multiplied by a vector, gamma
  bool final_norm = false;  // a LayerNorm over the last map, norm_pre (timm's convnext_tiny_hnf)
  int64_t feature_size() const { return hidden_sizes.back(); }
  int64_t stride() const;             // pixels a grid cell, a side
  int64_t cells(int64_t size) const;  // cells a side for pictures of that size; 0: they are too small
  void validate() const;              // throws ConfigError
};

// LayerNorm over the channels of a map. [B, c, h, w] -> the same shape, channels-last.
at::Tensor normalize_channels(const at::Tensor& x, torch::nn::LayerNorm& norm);

// x + gamma * fc2(act(fc1(norm(conv_dw(x))))), fc1 to four times the channels; all but conv_dw work on each cell's channels.
class ConvNextBlockImpl : public torch::nn::Module {
 public:
  ConvNextBlockImpl(int64_t channels, int64_t kernel, const ConvNextOptions& options);
  // depth thins the branch; `share` is the block's.
  at::Tensor forward(const at::Tensor& x, const StochasticDepth& depth = {}, double share = 0);

 private:
  Activation hidden_act_;
  torch::nn::Conv2d depthwise_{nullptr};
  torch::nn::LayerNorm norm_{nullptr};
  torch::nn::Linear fc1_{nullptr}, fc2_{nullptr};
  at::Tensor gamma_;  // [channels], undefined without layer_scale
};
TORCH_MODULE(ConvNextBlock);

// The options that a config.json of transformers' ConvNextModel gives, or what ConvNextImpl::config() wrote; throws ConfigError.
ConvNextOptions convnext_options_from_json(const nlohmann::json& json);
// The options that names (timm's) and shapes of a checkpoint give. Throws CheckpointError naming what is missing, or what it is instead.
ConvNextOptions convnext_options_from_weights(const TensorMap& tensors, const std::string& where);
// Names of transformers, torchvision and the authors -> timm's, and shapes to ours: 1x1 convolutions of the feed-forward part become
// matrices, torchvision's layer_scale [c, 1, 1] a vector. What belongs to the head is left out.
TensorMap convnext_weights(const TensorMap& tensors, const std::string& where);
// Whether the names are those of a ConvNeXt, in any of the four namings.
bool is_convnext(const TensorMap& tensors);

class ConvNextImpl : public ImageBackbone {
 public:
  explicit ConvNextImpl(const ConvNextOptions& options);
  // The last stage's map, behind norm_pre where there is one. There is no BatchNorm: batch_statistics has no effect. See ImageBackbone.
  using ImageBackbone::features;
  at::Tensor features(const at::Tensor& pixel_values, bool batch_statistics, const StochasticDepth& depth) override;
  // The maps after the stem and after each stage, for tests.
  std::vector<at::Tensor> forward_all(const at::Tensor& pixel_values, const StochasticDepth& depth = {});
  void initialize(uint64_t seed) override;  // initialize_transformer() with deviation 0.02; gamma 1e-6
  int64_t feature_size() const override { return options_.feature_size(); }
  int64_t stride() const override { return options_.stride(); }
  nlohmann::json config() const override;  // as transformers' ConvNextConfig, with what it cannot say beside it
  const ConvNextOptions& options() const { return options_; }

 private:
  void make_stem();

  ConvNextOptions options_;
  std::vector<torch::nn::Conv2d> stem_;
  torch::nn::LayerNorm stem_norm_{nullptr}, final_norm_{nullptr};
  struct Stage {
    torch::nn::LayerNorm norm{nullptr};  // of the down-sampling; none in the first stage
    torch::nn::Conv2d down{nullptr};
    torch::nn::ModuleList blocks;
  };
  std::vector<Stage> stages_;
};
TORCH_MODULE(ConvNext);

}  // namespace infig
