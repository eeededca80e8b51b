// Gates that weigh the channels of a feature map by its own mean: parts of residual and inverted blocks.
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include <string>

#include "nn/activation.h"

namespace infig {

struct SqueezeExciteOptions {
  int64_t channels = 0;
  int64_t squeezed = 0;                       // channels between the two layers
  Activation activation = Activation::kRelu;  // between them
  bool hard_gate = false;                     // the gate is hardsigmoid(x) = relu6(x + 3) / 6 instead of sigmoid(x)
  std::string squeeze_name = "fc1";           // what the two 1x1 convolutions are called
  std::string expand_name = "fc2";
};

// Squeeze-and-excitation (Hu et al. 2018): x gate(W2 act(W1 m + b1) + b2), m the mean of every channel. The layers are 1x1 convolutions,
// weights [squeezed, channels, 1, 1] and [channels, squeezed, 1, 1], as published. [B, c, h, w] float -> the same shape.
class SqueezeExciteImpl : public torch::nn::Module {
 public:
  explicit SqueezeExciteImpl(const SqueezeExciteOptions& options);
  at::Tensor forward(const at::Tensor& x);

 private:
  SqueezeExciteOptions options_;
  torch::nn::Conv2d squeeze_{nullptr}, expand_{nullptr};
};
TORCH_MODULE(SqueezeExcite);

// Efficient channel attention (Wang et al. 2020): x sigmoid(w * m), w one odd filter that slides over the means of neighbouring channels,
// padded with zeros. Its length is |log2(channels) + 1| / 2, cut to a whole number, one more where that is even, and at least 3.
// conv.weight [1, 1, k]. [B, c, h, w] float -> the same shape.
class ChannelAttentionImpl : public torch::nn::Module {
 public:
  explicit ChannelAttentionImpl(int64_t channels);
  at::Tensor forward(const at::Tensor& x);
  static int64_t filter_length(int64_t channels);  // k

 private:
  torch::nn::Conv1d conv_{nullptr};
};
TORCH_MODULE(ChannelAttention);

}  // namespace infig
