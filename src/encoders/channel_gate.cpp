#include "encoders/channel_gate.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "encoders/convolution.h"

namespace infig {
namespace {

// A 1x1 convolution of a single cell. [B, in] -> [B, out]
at::Tensor apply_to_means(torch::nn::Conv2d& layer, const at::Tensor& means) {
  return at::linear(means, layer->weight.flatten(1), layer->bias);
}

}  // namespace

SqueezeExciteImpl::SqueezeExciteImpl(const SqueezeExciteOptions& options) : options_(options) {
  squeeze_ = register_module(options.squeeze_name, convolution(torch::nn::Conv2dOptions(options.channels, options.squeezed, 1)));
  expand_ = register_module(options.expand_name, convolution(torch::nn::Conv2dOptions(options.squeezed, options.channels, 1)));
}

at::Tensor SqueezeExciteImpl::forward(const at::Tensor& x) {
  const at::Tensor means = x.mean(at::IntArrayRef{2, 3});
  const at::Tensor weights = apply_to_means(expand_, activate(apply_to_means(squeeze_, means), options_.activation));
  return x * (options_.hard_gate ? at::hardsigmoid(weights) : at::sigmoid(weights)).unsqueeze(2).unsqueeze(3);
}

int64_t ChannelAttentionImpl::filter_length(int64_t channels) {
  const auto length = static_cast<int64_t>(std::abs(std::log2(static_cast<double>(channels)) + 1) / 2);
  return std::max<int64_t>(length % 2 == 1 ? length : length + 1, 3);
}

ChannelAttentionImpl::ChannelAttentionImpl(int64_t channels) {
  const int64_t length = filter_length(channels);
  conv_ = register_module("conv", torch::nn::Conv1d(torch::nn::Conv1dOptions(1, 1, length).padding(length / 2).bias(false)));
}

at::Tensor ChannelAttentionImpl::forward(const at::Tensor& x) {
  const at::Tensor means = x.mean(at::IntArrayRef{2, 3}).unsqueeze(1);  // [B, 1, c]
  const at::Tensor gate = at::conv1d(means, conv_->weight, {}, 1, conv_->weight.size(2) / 2).sigmoid();
  return x * gate.squeeze(1).unsqueeze(2).unsqueeze(3);
}

}  // namespace infig
