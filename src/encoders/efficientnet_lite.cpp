#include "encoders/efficientnet_lite.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "nn/initialize.h"

namespace infig {
namespace {

struct LiteStage {
  int64_t repeats, kernel, stride, expansion, in_channels, out_channels;
};

constexpr std::array<LiteStage, 7> kLiteStages = {{{1, 3, 1, 1, 32, 16},
                                                   {2, 3, 2, 6, 16, 24},
                                                   {2, 5, 2, 6, 24, 40},
                                                   {3, 3, 2, 6, 40, 80},
                                                   {3, 5, 1, 6, 80, 112},
                                                   {4, 5, 2, 6, 112, 192},
                                                   {1, 3, 1, 6, 192, 320}}};
constexpr int64_t kStem = 32, kHead = 1280;

// To a multiple of 8, and never down by more than a tenth.
int64_t scaled_channels(int64_t channels, double width) {
  const double wanted = static_cast<double>(channels) * width;
  const int64_t rounded = std::max<int64_t>(8, static_cast<int64_t>(wanted + 4) / 8 * 8);
  return static_cast<double>(rounded) < 0.9 * wanted ? rounded + 8 : rounded;
}

int64_t scaled_repeats(size_t stage, const EfficientNetLiteOptions& options) {
  const int64_t repeats = kLiteStages[stage].repeats;
  if (options.fixed_ends && (stage == 0 || stage + 1 == kLiteStages.size())) return repeats;
  return static_cast<int64_t>(std::ceil(options.depth * static_cast<double>(repeats)));
}

ConvolutionNormOptions lite_convolution(int64_t in, int64_t out, int64_t kernel = 1, int64_t stride = 1, int64_t groups = 1) {
  return {.in_channels = in,
          .out_channels = out,
          .kernel = kernel,
          .stride = stride,
          .groups = groups,
          .same_padding = true,
          .eps = 1e-3,
          .momentum = 0.01};
}

}  // namespace

int64_t EfficientNetLiteOptions::stem_width() const { return fixed_ends ? kStem : scaled_channels(kStem, width); }
int64_t EfficientNetLiteOptions::head_width() const { return fixed_ends ? kHead : scaled_channels(kHead, width); }

void EfficientNetLiteOptions::validate() const {
  if (!(width > 0)) throw ConfigError(fmt::format("EfficientNet-Lite: width is {}; allowed is > 0", width));
  if (!(depth > 0)) throw ConfigError(fmt::format("EfficientNet-Lite: depth is {}; allowed is > 0", depth));
  if (image_size < 1) throw ConfigError(fmt::format("EfficientNet-Lite: image_size is {}; allowed is >= 1", image_size));
}

EfficientNetLiteOptions efficientnet_lite(int64_t number) {
  static const std::array<EfficientNetLiteOptions, 5> kVariants = {{{.width = 1.0, .depth = 1.0, .image_size = 224},
                                                                    {.width = 1.0, .depth = 1.1, .image_size = 240},
                                                                    {.width = 1.1, .depth = 1.2, .image_size = 260},
                                                                    {.width = 1.2, .depth = 1.4, .image_size = 280},
                                                                    {.width = 1.4, .depth = 1.8, .image_size = 300}}};
  if (number < 0 || number > 4) throw ConfigError(fmt::format("EfficientNet-Lite{} does not exist; there are Lite0 to Lite4", number));
  return kVariants[static_cast<size_t>(number)];
}

int64_t efficientnet_lite_number(const TensorMap& tensors, const std::string& where) {
  int64_t blocks = 0;
  while (tensors.contains(fmt::format("_blocks.{}._depthwise_conv.weight", blocks))) ++blocks;
  const auto projection = tensors.find(fmt::format("_blocks.{}._project_conv.weight", blocks - 1));
  const int64_t widest = projection != tensors.end() && projection->second.dim() == 4 ? projection->second.size(0) : 0;
  for (int64_t number = 0; number < 5; ++number) {
    const EfficientNetLiteOptions options = efficientnet_lite(number);
    int64_t expected = 0;
    for (size_t stage = 0; stage < kLiteStages.size(); ++stage) expected += scaled_repeats(stage, options);
    if (blocks == expected && widest == scaled_channels(kLiteStages.back().out_channels, options.width)) return number;
  }
  throw CheckpointError(
      fmt::format("{}: {} blocks, the last {} channels wide, are none of EfficientNet-Lite0 to Lite4", where, blocks, widest));
}

EfficientNetBlockImpl::EfficientNetBlockImpl(int64_t in_channels, int64_t out_channels, int64_t kernel, int64_t stride, int64_t expansion)
    : residual_(stride == 1 && in_channels == out_channels) {
  const int64_t wide = in_channels * expansion;
  const auto add = [this](std::optional<ConvolutionNorm>& pair, const ConvolutionNormOptions& options, const char* convolution,
                          const char* norm) {
    pair.emplace(options);
    register_module(convolution, pair->convolution());
    register_module(norm, pair->norm());
  };
  if (expansion != 1) add(expand_, lite_convolution(in_channels, wide), "_expand_conv", "_bn0");
  add(depthwise_, lite_convolution(wide, wide, kernel, stride, wide), "_depthwise_conv", "_bn1");
  add(project_, lite_convolution(wide, out_channels), "_project_conv", "_bn2");
}

at::Tensor EfficientNetBlockImpl::forward(const at::Tensor& x, bool batch_statistics, const StochasticDepth& depth, double share) {
  at::Tensor y = expand_ ? expand_->forward(x, batch_statistics, Activation::kRelu6) : x;
  y = depthwise_->forward(y, batch_statistics, Activation::kRelu6);
  if (residual_ && depth.active()) return x + depth.thin(project_->forward(y, batch_statistics), share);
  return residual_ ? project_->forward_add(y, x, batch_statistics, std::nullopt) : project_->forward(y, batch_statistics);
}

EfficientNetLiteImpl::EfficientNetLiteImpl(const EfficientNetLiteOptions& options) : options_((options.validate(), options)) {
  stem_.emplace(lite_convolution(3, options.stem_width(), 3, 2));
  register_module("_conv_stem", stem_->convolution());
  register_module("_bn0", stem_->norm());
  blocks_ = register_module("_blocks", torch::nn::ModuleList());
  int64_t channels = options.stem_width();
  for (size_t s = 0; s < kLiteStages.size(); ++s) {
    const LiteStage& stage = kLiteStages[s];
    const int64_t out = scaled_channels(stage.out_channels, options.width);
    for (int64_t n = 0; n < scaled_repeats(s, options); ++n) {
      blocks_->push_back(EfficientNetBlock(channels, out, stage.kernel, n == 0 ? stage.stride : 1, stage.expansion));
      channels = out;
    }
  }
  head_.emplace(lite_convolution(channels, options.head_width()));
  register_module("_conv_head", head_->convolution());
  register_module("_bn1", head_->norm());
}

at::Tensor EfficientNetLiteImpl::run(const at::Tensor& pixel_values, bool batch_statistics, const StochasticDepth& depth,
                                     std::vector<at::Tensor>* maps) {
  check_pixel_values("EfficientNet-Lite", pixel_values);
  at::Tensor x = stem_->forward(pixel_values.contiguous(at::MemoryFormat::ChannelsLast), batch_statistics, Activation::kRelu6);
  const auto keep = [&] {
    if (maps != nullptr) maps->push_back(x);
  };
  keep();
  const auto blocks = static_cast<int64_t>(blocks_->size());
  int64_t number = 0;
  for (const auto& block : *blocks_) {
    x = block->as<EfficientNetBlock>()->forward(x, batch_statistics, depth, share_below_all(number++, blocks));
    keep();
  }
  x = head_->forward(x, batch_statistics, Activation::kRelu6);
  keep();
  return x;
}

std::vector<at::Tensor> EfficientNetLiteImpl::forward_all(const at::Tensor& pixel_values, bool batch_statistics) {
  std::vector<at::Tensor> maps;
  run(pixel_values, batch_statistics, {}, &maps);
  return maps;
}

at::Tensor EfficientNetLiteImpl::features(const at::Tensor& pixel_values, bool batch_statistics, const StochasticDepth& depth) {
  return run(pixel_values, batch_statistics, depth, nullptr);
}

nlohmann::json EfficientNetLiteImpl::config() const {
  for (int64_t number = 0; number <= 4; ++number) {
    const EfficientNetLiteOptions known = efficientnet_lite(number);
    if (known.width == options_.width && known.depth == options_.depth && known.fixed_ends == options_.fixed_ends)
      return {{"model_type", "efficientnet-lite"}, {"number", number}};
  }
  throw ConfigError(fmt::format("EfficientNet-Lite: width {} and depth {} are none of Lite0 to Lite4", options_.width, options_.depth));
}

void EfficientNetLiteImpl::initialize(uint64_t seed) { initialize_convolutions(*this, seed); }

}  // namespace infig
