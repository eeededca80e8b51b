// A convolution without bias followed by BatchNorm: the building block of the convolutional backbones. Channels-last.
#pragma once

#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/conv.h>
#include <torch/types.h>

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "nn/activation.h"

namespace infig {

struct ConvolutionNormOptions {
  int64_t in_channels = 0;
  int64_t out_channels = 0;
  int64_t kernel = 1;  // a side
  int64_t stride = 1;
  int64_t groups = 1;
  // false: kernel / 2 pixels on every side. true: TensorFlow's "same" padding of the actual size: the output is out = ceil(size / stride)
  // wide, the padding is max(0, (out - 1) stride + kernel - size) in all, its smaller half before the picture and the larger behind it.
  bool same_padding = false;
  std::optional<std::pair<int64_t, int64_t>> fixed_padding =
      std::nullopt;  // pixels before and behind, of rows and columns alike, in place of the above
  double eps = 1e-5;
  double momentum = 0.1;  // of the running statistics
};

// With running statistics and without gradients the BatchNorm is folded into the convolution: w' = w gamma / sqrt(var + eps),
// b' = beta - mean gamma / sqrt(var + eps), computed once and again whenever one of these tensors has changed. Safe to call from several
// threads while nobody changes the weights. The owner registers convolution() and norm() under its names.
class ConvolutionNorm {
 public:
  explicit ConvolutionNorm(const ConvolutionNormOptions& options);
  // x [B, in, h, w] -> [B, out, h', w']. batch_statistics: BatchNorm in training mode (statistics of the batch, running ones updated).
  at::Tensor forward(const at::Tensor& x, bool batch_statistics, std::optional<Activation> activation = std::nullopt);
  // activation(forward(x) + residual)
  at::Tensor forward_add(const at::Tensor& x, const at::Tensor& residual, bool batch_statistics, std::optional<Activation> activation);
  torch::nn::Conv2d& convolution() { return convolution_; }
  torch::nn::BatchNorm2d& norm() { return norm_; }

 private:
  struct Folded;
  struct FoldedWeights {
    at::Tensor weight, bias, packed;
  };
  bool folds(const at::Tensor& x, bool batch_statistics) const;
  FoldedWeights fold(const at::Tensor& padded, const std::vector<int64_t>& padding);
  at::Tensor convolve(const at::Tensor& padded, const std::vector<int64_t>& padding);
  std::pair<at::Tensor, std::vector<int64_t>> pad(const at::Tensor& x) const;
  ConvolutionNormOptions options_;
  torch::nn::Conv2d convolution_;
  torch::nn::BatchNorm2d norm_;
  std::shared_ptr<Folded> folded_;
};

}  // namespace infig
