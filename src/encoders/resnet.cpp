#include "encoders/resnet.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "core/error.h"
#include "encoders/convolution.h"
#include "nn/initialize.h"

namespace infig {
namespace {

at::Tensor every_second_pixel(const at::Tensor& x, AntiAliasing how) {
  if (how == AntiAliasing::kAverage) return at::avg_pool2d(x, {2, 2}, {2, 2});
  const at::Tensor row = at::tensor({0.25, 0.5, 0.25}, x.options());
  const at::Tensor filter = (row.unsqueeze(1) * row).expand({x.size(1), 1, 3, 3});
  const std::vector<int64_t> one = {1, 1}, two = {2, 2}, none = {0, 0};
  return at::conv2d(at::reflection_pad2d(x, {1, 1, 1, 1}), filter, {}, two, none, one, x.size(1));
}

int64_t squeezed_channels(int64_t channels, double ratio) {
  return std::max<int64_t>(8, static_cast<int64_t>(static_cast<double>(channels) * ratio + 4) / 8 * 8);
}

}  // namespace

int64_t ResNetOptions::cells(int64_t size) const {
  // Means of 2x2 pixels leave the last of an odd number out, the shortcut beside them does not.
  if (anti_aliasing == AntiAliasing::kAverage && size % stride() != 0) return 0;
  return (size + stride() - 1) / stride();
}

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
  require(groups > 0 && (bottleneck || groups == 1), fmt::format("groups is {}; allowed is >= 1, and 1 without bottlenecks", groups));
  require(base_width > 0 && base_width <= 1 << 12, fmt::format("base_width is {}; allowed is 1 .. {}", base_width, 1 << 12));
  require(deep_stem.empty() || (deep_stem.size() == 2 && deep_stem[0] > 0 && deep_stem[1] > 0),
          fmt::format("deep_stem is [{}]; allowed are two widths >= 1, or none", fmt::join(deep_stem, ", ")));
  require(shortcut_kernel == 1 || shortcut_kernel == 3, fmt::format("shortcut_kernel is {}; allowed are 1 and 3", shortcut_kernel));
  require(squeeze_ratio > 0 && squeeze_ratio <= 1, fmt::format("squeeze_ratio is {}; allowed is > 0 and <= 1", squeeze_ratio));
  require(reduce_first > 0, fmt::format("reduce_first is {}; allowed is >= 1", reduce_first));
  require(!convolution_pool || (stem_pool && anti_aliasing == AntiAliasing::kNone),
          "convolution_pool needs stem_pool, and no anti-aliasing beside it");
  for (const int64_t width : widths) {
    require(inner_width(width) > 0 && inner_width(width) % (groups * reduce_first) == 0 && inner_width(width) / reduce_first % groups == 0,
            fmt::format("widths holds {}; base_width {}, groups {} and reduce_first {} do not divide what that gives", width, base_width,
                        groups, reduce_first));
  }
}

ResNetBlockImpl::ResNetBlockImpl(int64_t in_channels, int64_t width, int64_t stride, const ResNetOptions& options)
    : hidden_act_(options.hidden_act) {
  const int64_t out_channels = options.expansion() * width, inner = options.inner_width(width), first = inner / options.reduce_first;
  if (stride > 1) anti_aliasing_ = options.anti_aliasing;
  anti_aliased_ = options.bottleneck && !options.stride_on_first ? 1 : 0;
  const auto add = [&](int64_t in, int64_t out, int64_t kernel, int64_t groups = 1) {
    const int64_t step = path_.size() == anti_aliased_ && anti_aliasing_ == AntiAliasing::kNone ? stride : 1;
    path_.emplace_back(ConvolutionNormOptions{.in_channels = in, .out_channels = out, .kernel = kernel, .stride = step, .groups = groups});
  };
  if (options.bottleneck) {
    add(in_channels, first, 1);
    add(first, inner, 3, options.groups);
    add(inner, out_channels, 1);
  } else {
    add(in_channels, first, 3);
    add(first, out_channels, 3);
  }
  for (size_t i = 0; i < path_.size(); ++i) {
    register_module(fmt::format("conv{}", i + 1), path_[i].convolution());
    register_module(fmt::format("bn{}", i + 1), path_[i].norm());
  }
  if (options.gate == ChannelGate::kSqueezeExcite) {
    squeeze_excite_ = register_module(
        "se",
        SqueezeExcite(SqueezeExciteOptions{.channels = out_channels, .squeezed = squeezed_channels(out_channels, options.squeeze_ratio)}));
  }
  if (options.gate == ChannelGate::kChannelAttention) channel_attention_ = register_module("se", ChannelAttention(out_channels));
  if (stride != 1 || in_channels != out_channels) add_shortcut(in_channels, out_channels, stride, options);
}

void ResNetBlockImpl::add_shortcut(int64_t in_channels, int64_t out_channels, int64_t stride, const ResNetOptions& options) {
  const auto downsample = register_module("downsample", Parts());
  average_ = options.average_shortcut && stride > 1;
  shortcut_.emplace_back(ConvolutionNormOptions{.in_channels = in_channels,
                                                .out_channels = out_channels,
                                                .kernel = options.average_shortcut || stride == 1 ? 1 : options.shortcut_kernel,
                                                .stride = average_ ? 1 : stride});
  const int64_t first = options.average_shortcut ? 1 : 0;  // the mean has a place of its own, whether it is taken or not
  downsample->register_module(std::to_string(first), shortcut_[0].convolution());
  downsample->register_module(std::to_string(first + 1), shortcut_[0].norm());
}

at::Tensor ResNetBlockImpl::shortcut(const at::Tensor& x, bool batch_statistics) {
  if (shortcut_.empty()) return x;
  // At an odd edge the mean is of the pixels that are there.
  return shortcut_[0].forward(average_ ? at::avg_pool2d(x, {2, 2}, {2, 2}, {0, 0}, true, false) : x, batch_statistics);
}

at::Tensor ResNetBlockImpl::forward(const at::Tensor& x, bool batch_statistics, const StochasticDepth& depth, double share) {
  const std::optional<Activation> act = hidden_act_;
  at::Tensor y = x;
  for (size_t i = 0; i + 1 < path_.size(); ++i) {
    y = path_[i].forward(y, batch_statistics, Activation::kRelu);
    if (i == anti_aliased_ && anti_aliasing_ != AntiAliasing::kNone) y = every_second_pixel(y, anti_aliasing_);
  }
  const bool gated = squeeze_excite_ || channel_attention_;
  if (!gated && !depth.active()) return path_.back().forward_add(y, shortcut(x, batch_statistics), batch_statistics, act);
  y = path_.back().forward(y, batch_statistics);
  if (gated) y = squeeze_excite_ ? squeeze_excite_->forward(y) : channel_attention_->forward(y);
  return activate(depth.thin(y, share) + shortcut(x, batch_statistics), hidden_act_);
}

void ResNetImpl::make_stem() {
  const int64_t width = options_.stem_width, stride = options_.stem_stride;
  if (options_.deep_stem.empty()) {
    stem_.emplace_back(ConvolutionNormOptions{.in_channels = 3, .out_channels = width, .kernel = options_.stem_kernel, .stride = stride});
    register_module("conv1", stem_[0].convolution());
  } else {
    const int64_t first = options_.deep_stem[0], second = options_.deep_stem[1];
    stem_.emplace_back(ConvolutionNormOptions{.in_channels = 3, .out_channels = first, .kernel = 3, .stride = stride});
    stem_.emplace_back(ConvolutionNormOptions{.in_channels = first, .out_channels = second, .kernel = 3});
    stem_.emplace_back(ConvolutionNormOptions{.in_channels = second, .out_channels = width, .kernel = 3});
    const auto parts = register_module("conv1", Parts());  // 2 and 5 are activations
    parts->register_module("0", stem_[0].convolution());
    parts->register_module("1", stem_[0].norm());
    parts->register_module("3", stem_[1].convolution());
    parts->register_module("4", stem_[1].norm());
    parts->register_module("6", stem_[2].convolution());
  }
  register_module("bn1", stem_.back().norm());
  if (!options_.convolution_pool) return;
  pool_.emplace(ConvolutionNormOptions{.in_channels = width, .out_channels = width, .kernel = 3, .stride = 2});
  const auto parts = register_module("maxpool", Parts());
  parts->register_module("0", pool_->convolution());
  parts->register_module("1", pool_->norm());
}

at::Tensor ResNetImpl::pool(const at::Tensor& x, bool batch_statistics) {
  if (!options_.stem_pool) return x;
  if (pool_) return pool_->forward(x, batch_statistics, options_.hidden_act);
  if (options_.anti_aliasing == AntiAliasing::kAverage) return every_second_pixel(x, AntiAliasing::kAverage);
  if (options_.anti_aliasing == AntiAliasing::kBlur)
    return every_second_pixel(at::max_pool2d(x, {3, 3}, {1, 1}, {1, 1}), AntiAliasing::kBlur);
  return at::max_pool2d(x, {3, 3}, {2, 2}, {1, 1});
}

ResNetImpl::ResNetImpl(const ResNetOptions& options) : options_((options.validate(), options)) {
  make_stem();
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

std::vector<at::Tensor> ResNetImpl::forward_all(const at::Tensor& pixel_values, bool batch_statistics, const StochasticDepth& depth) {
  check_pixel_values("ResNet", pixel_values);
  at::Tensor x = pixel_values.contiguous(at::MemoryFormat::ChannelsLast);
  if (options_.anti_aliasing == AntiAliasing::kAverage && (x.size(2) % stride() != 0 || x.size(3) % stride() != 0)) {
    throw ShapeError(fmt::format("ResNet: pictures of {} x {}; where means of 2x2 pixels are taken sides must be multiples of {}",
                                 x.size(2), x.size(3), stride()));
  }
  for (ConvolutionNorm& layer : stem_) x = layer.forward(x, batch_statistics, options_.hidden_act);
  x = pool(x, batch_statistics);
  std::vector<at::Tensor> maps = {x};
  int64_t blocks = 0, number = 0;
  for (const int64_t count : options_.layers) blocks += count;
  for (const auto& stage : stages_) {
    for (const auto& block : *stage) x = block->as<ResNetBlock>()->forward(x, batch_statistics, depth, share_to_last(number++, blocks));
    maps.push_back(x);
  }
  return maps;
}

void ResNetImpl::initialize(uint64_t seed) { initialize_convolutions(*this, seed); }

at::Tensor ResNetImpl::forward(const at::Tensor& pixel_values, bool batch_statistics) {
  return forward_all(pixel_values, batch_statistics).back();
}

}  // namespace infig
