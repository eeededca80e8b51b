// ResNet (He et al. 2016), basic and bottleneck blocks, parameter names as torchvision's (conv1.weight, layer1.0.bn1.running_mean, ...),
// without the classifier. A bottleneck's stride is on its 3x3 convolution, as torchvision has it. Channels-last.
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include <memory>
#include <utility>
#include <vector>

namespace infig {

struct ResNetOptions {
  bool bottleneck = true;                             // blocks of 1x1, 3x3, 1x1 (expansion 4) instead of two 3x3
  std::vector<int64_t> layers = {3, 4, 6, 3};         // blocks in each of the four stages
  std::vector<int64_t> widths = {64, 128, 256, 512};  // channels of each stage before expansion
  int64_t stem_kernel = 7;                            // odd; padding kernel / 2
  int64_t stem_stride = 2;
  int64_t stem_width = 64;  // channels of the stem
  bool stem_pool = true;    // 3x3 max pooling of stride 2 after the stem
  int64_t expansion() const { return bottleneck ? 4 : 1; }
  int64_t feature_size() const { return widths.back() * expansion(); }
  int64_t stride() const { return stem_stride * (stem_pool ? 2 : 1) * 8; }  // pixels a grid cell, a side
  void validate() const;                                                    // throws ConfigError
};

// A convolution without bias and the BatchNorm behind it. With running statistics and no gradient to give, the BatchNorm is folded into
// the convolution: w' = w gamma / sqrt(var + eps), b' = beta - mean gamma / sqrt(var + eps), computed once and again whenever one of
// these tensors has changed. Safe to call from several threads while nobody changes the weights.
class ConvolutionNorm {
 public:
  ConvolutionNorm(int64_t in_channels, int64_t out_channels, int64_t kernel, int64_t stride);
  at::Tensor forward(const at::Tensor& x, bool batch_statistics);
  torch::nn::Conv2d& convolution() { return convolution_; }
  torch::nn::BatchNorm2d& norm() { return norm_; }

 private:
  struct Folded;
  std::pair<at::Tensor, at::Tensor> fold();
  torch::nn::Conv2d convolution_;
  torch::nn::BatchNorm2d norm_;
  std::shared_ptr<Folded> folded_;
};

// One residual block: y = ReLU(f(x) + shortcut(x)); f = conv1, bn1, ReLU, conv2, bn2 (basic), with a third pair (bottleneck).
// The shortcut is downsample.0 (1x1 convolution) and downsample.1 (BatchNorm) where stride or channels change, else x itself.
class ResNetBlockImpl : public torch::nn::Module {
 public:
  ResNetBlockImpl(int64_t in_channels, int64_t width, int64_t stride, bool bottleneck);
  at::Tensor forward(const at::Tensor& x, bool batch_statistics);

 private:
  std::vector<ConvolutionNorm> path_;
  std::vector<ConvolutionNorm> shortcut_;  // none or one
};
TORCH_MODULE(ResNetBlock);

class ResNetImpl : public torch::nn::Module {
 public:
  explicit ResNetImpl(const ResNetOptions& options);
  // pixel_values [B, 3, S, S] float (channels-last preferred). batch_statistics: BatchNorm in training mode (statistics of the batch,
  // running ones updated); otherwise the running statistics are used. Returns the feature map [B, c, S/stride, S/stride] (rounded up).
  // Throws ShapeError.
  at::Tensor forward(const at::Tensor& pixel_values, bool batch_statistics);
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
