#include "encoders/convnext.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "nn/initialize.h"
#include "nn/linear.h"

namespace infig {
namespace {

constexpr int64_t kWidening = 4;             // of the feed-forward part
constexpr double kInitialLayerScale = 1e-6;  // small enough that a block begins as the identity

at::Tensor convolve(const at::Tensor& x, const torch::nn::Conv2d& layer, int64_t stride, int64_t padding, int64_t groups = 1) {
  const std::vector<int64_t> strides = {stride, stride}, paddings = {padding, padding}, dilation = {1, 1};
  return at::conv2d(x, layer->weight, layer->bias, strides, paddings, dilation, groups);
}

torch::nn::LayerNorm channel_norm(int64_t channels, double eps) {
  return torch::nn::LayerNorm(torch::nn::LayerNormOptions({channels}).eps(eps));
}

}  // namespace

int64_t ConvNextOptions::stride() const {
  return (stem == ConvNextStem::kPatch ? patch_size : 4) << static_cast<int64_t>(depths.size() - 1);
}

int64_t ConvNextOptions::cells(int64_t size) const {
  size = stem == ConvNextStem::kPatch ? size / patch_size : (size + 3) / 4;
  return size >> static_cast<int64_t>(depths.size() - 1);  // each halving leaves the last of an odd number out
}

void ConvNextOptions::validate() const {
  const auto require = [](bool allowed, const std::string& what) {
    if (!allowed) throw ConfigError("ConvNeXt: " + what);
  };
  constexpr int64_t kMostChannels = 1 << 16, kMostBlocks = 1024;
  require(!depths.empty() && depths.size() <= 8, fmt::format("depths has {} stages; allowed are 1 to 8", depths.size()));
  require(hidden_sizes.size() == depths.size() && kernel_sizes.size() == depths.size(),
          fmt::format("depths, hidden_sizes and kernel_sizes have {}, {} and {} stages; expected as many each", depths.size(),
                      hidden_sizes.size(), kernel_sizes.size()));
  for (size_t i = 0; i < depths.size(); ++i) {
    require(depths[i] > 0 && depths[i] <= kMostBlocks, fmt::format("depths[{}] is {}; allowed is 1 .. {}", i, depths[i], kMostBlocks));
    require(hidden_sizes[i] > 0 && hidden_sizes[i] <= kMostChannels,
            fmt::format("hidden_sizes[{}] is {}; allowed is 1 .. {}", i, hidden_sizes[i], kMostChannels));
    require(kernel_sizes[i] > 0 && kernel_sizes[i] % 2 == 1 && kernel_sizes[i] < 64,
            fmt::format("kernel_sizes[{}] is {}; allowed is an odd number, 1 .. 63", i, kernel_sizes[i]));
  }
  require(patch_size > 0 && patch_size <= 64, fmt::format("patch_size is {}; allowed is 1 .. 64", patch_size));
  require(stem == ConvNextStem::kPatch || (stem_width > 0 && stem_width <= kMostChannels),
          fmt::format("stem_width is {}; allowed is 1 .. {}", stem_width, kMostChannels));
  require(layer_norm_eps > 0, fmt::format("layer_norm_eps is {}; allowed is > 0", layer_norm_eps));
}

at::Tensor normalize_channels(const at::Tensor& x, torch::nn::LayerNorm& norm) {
  return norm->forward(x.permute({0, 2, 3, 1})).permute({0, 3, 1, 2});  // a view of a channels-last map on both sides
}

ConvNextBlockImpl::ConvNextBlockImpl(int64_t channels, int64_t kernel, const ConvNextOptions& options) : hidden_act_(options.hidden_act) {
  depthwise_ = register_module("conv_dw", convolution(torch::nn::Conv2dOptions(channels, channels, kernel).groups(channels)));
  norm_ = register_module("norm", channel_norm(channels, options.layer_norm_eps));
  const auto mlp = register_module("mlp", Parts());
  fc1_ = mlp->register_module("fc1", linear(channels, kWidening * channels));
  fc2_ = mlp->register_module("fc2", linear(kWidening * channels, channels));
  if (options.layer_scale) gamma_ = register_parameter("gamma", at::full({channels}, kInitialLayerScale));
}

at::Tensor ConvNextBlockImpl::forward(const at::Tensor& x, const StochasticDepth& depth, double share) {
  const int64_t channels = x.size(1);
  at::Tensor y = convolve(x, depthwise_, 1, depthwise_->weight.size(2) / 2, channels).permute({0, 2, 3, 1});
  y = fc2_->forward(activate(fc1_->forward(norm_->forward(y)), hidden_act_));
  if (gamma_.defined()) y = y * gamma_;
  return x + depth.thin(y, share).permute({0, 3, 1, 2});
}

void ConvNextImpl::make_stem() {
  const auto stem = register_module("stem", Parts());
  const int64_t width = options_.hidden_sizes[0];
  if (options_.stem == ConvNextStem::kPatch) {
    stem_.push_back(convolution(torch::nn::Conv2dOptions(3, width, options_.patch_size)));
  } else {
    stem_.push_back(convolution(torch::nn::Conv2dOptions(3, options_.stem_width, 3)));
    stem_.push_back(convolution(torch::nn::Conv2dOptions(options_.stem_width, width, 3)));
  }
  for (size_t i = 0; i < stem_.size(); ++i) stem->register_module(std::to_string(i), stem_[i]);
  stem_norm_ = stem->register_module(std::to_string(stem_.size()), channel_norm(width, options_.layer_norm_eps));
}

ConvNextImpl::ConvNextImpl(const ConvNextOptions& options) : options_((options.validate(), options)) {
  make_stem();
  const auto stages = register_module("stages", torch::nn::ModuleList());
  for (size_t i = 0; i < options.depths.size(); ++i) {
    Parts parts;
    Stage& stage = stages_.emplace_back();
    if (i > 0) {
      const auto down = parts->register_module("downsample", Parts());
      stage.norm = down->register_module("0", channel_norm(options.hidden_sizes[i - 1], options.layer_norm_eps));
      stage.down =
          down->register_module("1", convolution(torch::nn::Conv2dOptions(options.hidden_sizes[i - 1], options.hidden_sizes[i], 2)));
    }
    stage.blocks = parts->register_module("blocks", torch::nn::ModuleList());
    for (int64_t n = 0; n < options.depths[i]; ++n)
      stage.blocks->push_back(ConvNextBlock(options.hidden_sizes[i], options.kernel_sizes[i], options));
    stages->push_back(parts);
  }
  if (options.final_norm) final_norm_ = register_module("norm_pre", channel_norm(options.feature_size(), options.layer_norm_eps));
}

std::vector<at::Tensor> ConvNextImpl::forward_all(const at::Tensor& pixel_values, const StochasticDepth& depth) {
  check_pixel_values("ConvNeXt", pixel_values);
  at::Tensor x = pixel_values.contiguous(at::MemoryFormat::ChannelsLast);
  if (options_.cells(std::min(x.size(2), x.size(3))) < 1) {
    throw ShapeError(
        fmt::format("ConvNeXt: pictures of {} x {} give no grid; give at least {} pixels a side", x.size(2), x.size(3), options_.stride()));
  }
  for (const auto& layer : stem_) {
    x = options_.stem == ConvNextStem::kPatch ? convolve(x, layer, options_.patch_size, 0) : convolve(x, layer, 2, 1);
  }
  x = normalize_channels(x, stem_norm_);
  std::vector<at::Tensor> maps = {x};
  int64_t blocks = 0, number = 0;
  for (const int64_t count : options_.depths) blocks += count;
  for (Stage& stage : stages_) {
    if (stage.down) x = convolve(normalize_channels(x, stage.norm), stage.down, 2, 0);
    for (const auto& block : *stage.blocks) x = block->as<ConvNextBlock>()->forward(x, depth, share_to_last(number++, blocks));
    maps.push_back(x);
  }
  if (final_norm_) maps.push_back(normalize_channels(x, final_norm_));
  return maps;
}

at::Tensor ConvNextImpl::features(const at::Tensor& pixel_values, bool /*batch_statistics*/, const StochasticDepth& depth) {
  return forward_all(pixel_values, depth).back();
}

void ConvNextImpl::initialize(uint64_t seed) {
  initialize_transformer(*this, 0.02, seed);
  const at::NoGradGuard no_grad;
  for (const auto& item : named_parameters()) {
    if (item.key().ends_with(".gamma")) at::Tensor(item.value()).fill_(kInitialLayerScale);
  }
}

}  // namespace infig
