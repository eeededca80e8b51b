#include "encoders/resnet.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/error.h"
#include "nn/initialize.h"

namespace infig {

void ResNetOptions::validate() const {
  const auto require = [](bool allowed, const std::string& what) {
    if (!allowed) throw ConfigError("ResNet: " + what);
  };
  require(layers.size() == 4, fmt::format("layers has {} stages; expected 4", layers.size()));
  require(widths.size() == 4, fmt::format("widths has {} stages; expected 4", widths.size()));
  for (size_t i = 0; i < 4; ++i) {
    require(layers[i] > 0, fmt::format("layers[{}] is {}; allowed is >= 1", i, layers[i]));
    require(widths[i] > 0, fmt::format("widths[{}] is {}; allowed is >= 1", i, widths[i]));
  }
  require(stem_kernel > 0 && stem_kernel % 2 == 1, fmt::format("stem_kernel is {}; allowed is an odd number >= 1", stem_kernel));
  require(stem_stride > 0, fmt::format("stem_stride is {}; allowed is >= 1", stem_stride));
  require(stem_width > 0, fmt::format("stem_width is {}; allowed is >= 1", stem_width));
}

ResNetBlockImpl::ResNetBlockImpl(int64_t in_channels, int64_t width, int64_t stride, const ResNetOptions& options)
    : hidden_act_(options.hidden_act) {
  const int64_t out_channels = options.expansion() * width;
  const auto add = [&](int64_t in, int64_t out, int64_t kernel, int64_t step) {
    path_.emplace_back(ConvolutionNormOptions{.in_channels = in, .out_channels = out, .kernel = kernel, .stride = step});
  };
  if (options.bottleneck) {
    add(in_channels, width, 1, options.stride_on_first ? stride : 1);
    add(width, width, 3, options.stride_on_first ? 1 : stride);
    add(width, out_channels, 1, 1);
  } else {
    add(in_channels, width, 3, stride);
    add(width, width, 3, 1);
  }
  for (size_t i = 0; i < path_.size(); ++i) {
    register_module(fmt::format("conv{}", i + 1), path_[i].convolution());
    register_module(fmt::format("bn{}", i + 1), path_[i].norm());
  }
  if (stride == 1 && in_channels == out_channels) return;
  const auto downsample = register_module("downsample", torch::nn::ModuleList());
  shortcut_.emplace_back(ConvolutionNormOptions{.in_channels = in_channels, .out_channels = out_channels, .stride = stride});
  downsample->push_back(shortcut_[0].convolution());
  downsample->push_back(shortcut_[0].norm());
}

at::Tensor ResNetBlockImpl::forward(const at::Tensor& x, bool batch_statistics) {
  const std::optional<Activation> act = hidden_act_;
  at::Tensor y = x;
  for (size_t i = 0; i + 1 < path_.size(); ++i) y = path_[i].forward(y, batch_statistics, Activation::kRelu);
  return path_.back().forward_add(y, shortcut_.empty() ? x : shortcut_[0].forward(x, batch_statistics), batch_statistics, act);
}

ResNetImpl::ResNetImpl(const ResNetOptions& options)
    : options_((options.validate(), options)),
      stem_({.in_channels = 3, .out_channels = options.stem_width, .kernel = options.stem_kernel, .stride = options.stem_stride}) {
  register_module("conv1", stem_.convolution());
  register_module("bn1", stem_.norm());
  int64_t channels = options.stem_width;
  for (size_t stage = 0; stage < 4; ++stage) {
    const auto blocks = register_module(fmt::format("layer{}", stage + 1), torch::nn::ModuleList());
    for (int64_t n = 0; n < options.layers[stage]; ++n) {
      blocks->push_back(
          ResNetBlock(channels, options.widths[stage], n == 0 && (stage > 0 || options.stride_in_first_stage) ? 2 : 1, options));
      channels = options.widths[stage] * options.expansion();
    }
    stages_.emplace_back(blocks);
  }
}

std::vector<at::Tensor> ResNetImpl::forward_all(const at::Tensor& pixel_values, bool batch_statistics) {
  check_pixel_values("ResNet", pixel_values);
  at::Tensor x = stem_.forward(pixel_values.contiguous(at::MemoryFormat::ChannelsLast), batch_statistics, options_.hidden_act);
  if (options_.stem_pool) x = at::max_pool2d(x, {3, 3}, {2, 2}, {1, 1});
  std::vector<at::Tensor> maps = {x};
  for (const auto& stage : stages_) {
    for (const auto& block : *stage) x = block->as<ResNetBlock>()->forward(x, batch_statistics);
    maps.push_back(x);
  }
  return maps;
}

void ResNetImpl::initialize(uint64_t seed) { initialize_convolutions(*this, seed); }

at::Tensor ResNetImpl::forward(const at::Tensor& pixel_values, bool batch_statistics) {
  return forward_all(pixel_values, batch_statistics).back();
}

}  // namespace infig
