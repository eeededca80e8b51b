#include "encoders/inverted_net.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "nn/initialize.h"

namespace infig {
namespace {

ConvolutionNormOptions inverted_convolution(const InvertedNetOptions& net, int64_t in, int64_t out) {
  return {.in_channels = in, .out_channels = out, .eps = net.eps, .momentum = net.momentum};
}

// The 3x3 convolution over the pictures.
ConvolutionNormOptions stem_convolution(const InvertedNetOptions& net) {
  ConvolutionNormOptions options = inverted_convolution(net, 3, net.stem_width);
  options.kernel = 3;
  options.stride = 2;
  options.same_padding = net.padding == InvertedPadding::kSame;
  if (net.padding == InvertedPadding::kBehind) options.fixed_padding = {0, 1};
  return options;
}

ConvolutionNormOptions depthwise_convolution(const InvertedNetOptions& net, const InvertedBlockOptions& block) {
  ConvolutionNormOptions options = inverted_convolution(net, block.expanded, block.expanded);
  options.kernel = block.kernel;
  options.stride = block.stride;
  options.groups = block.expanded;
  options.same_padding = net.padding == InvertedPadding::kSame;
  if (net.padding == InvertedPadding::kBehind && block.stride == 2 && !block.square_padding)
    options.fixed_padding = {block.kernel / 2 - 1, block.kernel / 2};
  return options;
}

// Cells behind a convolution of stride 2.
int64_t halved(int64_t size, const ConvolutionNormOptions& options) {
  if (options.stride == 1) return size;
  if (options.same_padding || !options.fixed_padding) return (size + 1) / 2;
  const auto [before, behind] = *options.fixed_padding;
  return std::max<int64_t>(0, (size + before + behind - options.kernel) / 2 + 1);
}

void check_block(const InvertedBlockOptions& block, int64_t in_channels, const std::string& where) {
  const auto require = [&](bool allowed, const std::string& what) {
    if (!allowed) throw ConfigError(fmt::format("{}: {}", where, what));
  };
  constexpr int64_t kMostChannels = 1 << 16;
  const auto channels = [&](const char* key, int64_t value, int64_t least) {
    require(value >= least && value <= kMostChannels, fmt::format("{} is {}; allowed is {} .. {}", key, value, least, kMostChannels));
  };
  channels("expanded", block.expanded, 1);
  channels("out_channels", block.out_channels, 1);
  channels("squeezed", block.squeezed, 0);
  require(block.in_channels == in_channels, fmt::format("in_channels is {}; what is before it gives {}", block.in_channels, in_channels));
  require(block.kind != InvertedKind::kSeparable || block.expanded == in_channels,
          fmt::format("expanded is {}; a block that expands nothing has its in_channels, {}", block.expanded, in_channels));
  require(block.kernel > 0 && block.kernel % 2 == 1 && block.kernel < 64,
          fmt::format("kernel is {}; allowed is an odd number, 1 .. 63", block.kernel));
  require(block.stride == 1 || block.stride == 2, fmt::format("stride is {}; allowed are 1 and 2", block.stride));
  require(!block.residual || (block.stride == 1 && block.out_channels == in_channels),
          fmt::format("residual needs a stride of 1 and as many channels behind the block as before it; they are {}, {} and {}",
                      block.stride, block.out_channels, in_channels));
}

}  // namespace

int64_t InvertedNetOptions::feature_size() const { return head_width > 0 ? head_width : stages.back().back().out_channels; }

int64_t InvertedNetOptions::stride() const {
  int64_t pixels = 2;
  for (const auto& stage : stages) {
    for (const auto& block : stage) pixels *= block.stride;
  }
  return pixels;
}

int64_t InvertedNetOptions::cells(int64_t size) const {
  size = halved(size, stem_convolution(*this));
  for (const auto& stage : stages) {
    for (const auto& block : stage) size = halved(size, depthwise_convolution(*this, block));
  }
  return size;
}

void InvertedNetOptions::validate() const {
  const auto require = [this](bool allowed, const std::string& what) {
    if (!allowed) throw ConfigError(fmt::format("{}: {}", name, what));
  };
  constexpr int64_t kMostChannels = 1 << 16;
  constexpr size_t kMostBlocks = 1024;
  require(stem_width > 0 && stem_width <= kMostChannels, fmt::format("stem_width is {}; allowed is 1 .. {}", stem_width, kMostChannels));
  require(head_width >= 0 && head_width <= kMostChannels, fmt::format("head_width is {}; allowed is 0 .. {}", head_width, kMostChannels));
  require(eps > 0, fmt::format("eps is {}; allowed is > 0", eps));
  for (const double value : {momentum, expand_momentum})
    require(value >= 0 && value <= 1, fmt::format("momentum is {}; allowed is 0 .. 1", value));
  require(!stages.empty(), "there are no stages");
  int64_t channels = stem_width;
  size_t blocks = 0;
  for (size_t s = 0; s < stages.size(); ++s) {
    require(!stages[s].empty(), fmt::format("stage {} has no blocks", s));
    blocks += stages[s].size();
    require(blocks <= kMostBlocks, fmt::format("there are over {} blocks", kMostBlocks));
    for (size_t b = 0; b < stages[s].size(); ++b) {
      check_block(stages[s][b], channels, fmt::format("{}: stages[{}][{}]", name, s, b));
      channels = stages[s][b].out_channels;
    }
  }
  require(stride() <= 1 << 10, fmt::format("the stride is {} pixels; allowed is up to {}", stride(), 1 << 10));
}

void InvertedBlockImpl::add(const ConvolutionNormOptions& options, const char* convolution, const char* norm) {
  path_.emplace_back(options);
  register_module(convolution, path_.back().convolution());
  register_module(norm, path_.back().norm());
}

InvertedBlockImpl::InvertedBlockImpl(const InvertedBlockOptions& block, const InvertedNetOptions& net)
    : activation_(block.activation), residual_(block.residual), plain_(block.kind == InvertedKind::kPlain) {
  if (plain_) {
    add(inverted_convolution(net, block.in_channels, block.out_channels), "conv", "bn1");
    return;
  }
  const bool expands = block.kind == InvertedKind::kInverted;
  if (expands) {
    ConvolutionNormOptions expand = inverted_convolution(net, block.in_channels, block.expanded);
    expand.momentum = net.expand_momentum;
    add(expand, "conv_pw", "bn1");
  }
  add(depthwise_convolution(net, block), "conv_dw", expands ? "bn2" : "bn1");
  if (block.squeezed > 0) {
    gate_ = register_module("se", SqueezeExcite(SqueezeExciteOptions{.channels = block.expanded,
                                                                     .squeezed = block.squeezed,
                                                                     .activation = block.gate_activation,
                                                                     .hard_gate = net.hard_gate,
                                                                     .squeeze_name = "conv_reduce",
                                                                     .expand_name = "conv_expand"}));
  }
  add(inverted_convolution(net, block.expanded, block.out_channels), expands ? "conv_pwl" : "conv_pw", expands ? "bn3" : "bn2");
}

at::Tensor InvertedBlockImpl::forward(const at::Tensor& x, bool batch_statistics, const StochasticDepth& depth, double share) {
  if (plain_) return path_[0].forward(x, batch_statistics, activation_);
  at::Tensor y = x;
  for (size_t i = 0; i + 1 < path_.size(); ++i) y = path_[i].forward(y, batch_statistics, activation_);
  if (gate_) y = gate_->forward(y);
  if (residual_ && depth.active()) return x + depth.thin(path_.back().forward(y, batch_statistics), share);
  return residual_ ? path_.back().forward_add(y, x, batch_statistics, std::nullopt) : path_.back().forward(y, batch_statistics);
}

InvertedNetImpl::InvertedNetImpl(const InvertedNetOptions& options) : options_((options.validate(), options)) {
  stem_.emplace(stem_convolution(options));
  register_module("conv_stem", stem_->convolution());
  register_module("bn1", stem_->norm());
  stages_ = register_module("blocks", torch::nn::ModuleList());
  for (const auto& stage : options.stages) {
    torch::nn::ModuleList blocks;
    for (const InvertedBlockOptions& block : stage) blocks->push_back(InvertedBlock(block, options));
    stages_->push_back(blocks);
  }
  if (options.head_width == 0) return;
  head_.emplace(inverted_convolution(options, options.stages.back().back().out_channels, options.head_width));
  register_module("conv_head", head_->convolution());
  register_module("bn2", head_->norm());
}

at::Tensor InvertedNetImpl::run(const at::Tensor& pixel_values, bool batch_statistics, const StochasticDepth& depth,
                                std::vector<at::Tensor>* maps) {
  check_pixel_values(options_.name.c_str(), pixel_values);
  at::Tensor x = stem_->forward(pixel_values.contiguous(at::MemoryFormat::ChannelsLast), batch_statistics, options_.activation);
  const auto keep = [&] {
    if (maps != nullptr) maps->push_back(x);
  };
  keep();
  int64_t blocks = 0, number = 0;
  for (const auto& stage : options_.stages) blocks += static_cast<int64_t>(stage.size());
  for (const auto& stage : *stages_) {
    for (const auto& block : *stage->as<torch::nn::ModuleList>())
      x = block->as<InvertedBlock>()->forward(x, batch_statistics, depth, share_below_all(number++, blocks));
    keep();
  }
  if (!head_) return x;
  x = head_->forward(x, batch_statistics, options_.activation);
  keep();
  return x;
}

std::vector<at::Tensor> InvertedNetImpl::forward_all(const at::Tensor& pixel_values, bool batch_statistics) {
  std::vector<at::Tensor> maps;
  run(pixel_values, batch_statistics, {}, &maps);
  return maps;
}

at::Tensor InvertedNetImpl::features(const at::Tensor& pixel_values, bool batch_statistics, const StochasticDepth& depth) {
  return run(pixel_values, batch_statistics, depth, nullptr);
}

void InvertedNetImpl::initialize(uint64_t seed) { initialize_convolutions(*this, seed); }

}  // namespace infig
