// The published networks of inverted bottlenecks: EfficientNet B0 to B8 and MobileNetV3.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <span>

#include "core/error.h"
#include "encoders/inverted_net.h"

namespace infig {
namespace {

// To a multiple of 8, and never down by more than a tenth.
int64_t to_eighths(double channels) {
  const int64_t rounded = std::max<int64_t>(8, static_cast<int64_t>(channels + 4) / 8 * 8);
  return static_cast<double>(rounded) < 0.9 * channels ? rounded + 8 : rounded;
}

int64_t scaled_width(int64_t channels, double width) { return to_eighths(static_cast<double>(channels) * width); }

struct EfficientNetStage {
  int64_t repeats, kernel, stride, expansion, out_channels;
};
constexpr std::array<EfficientNetStage, 7> kEfficientNetStages = {
    {{1, 3, 1, 1, 16}, {2, 3, 2, 6, 24}, {2, 5, 2, 6, 40}, {3, 3, 2, 6, 80}, {3, 5, 1, 6, 112}, {4, 5, 2, 6, 192}, {1, 3, 1, 6, 320}}};

struct EfficientNetScale {
  double width, depth;
};
constexpr std::array<EfficientNetScale, 9> kEfficientNetScales = {
    {{1.0, 1.0}, {1.0, 1.1}, {1.1, 1.2}, {1.2, 1.4}, {1.4, 1.8}, {1.6, 2.2}, {1.8, 2.6}, {2.0, 3.1}, {2.2, 3.6}}};

// A block of MobileNetV3. What its depthwise convolution is widened to: torchvision scales the number itself, timm the ratio to what comes
// in, so that they differ for widths other than 1.
struct MobileBlock {
  int64_t stage, kernel, stride;
  double ratio;
  int64_t expanded, out_channels;
  bool gate, hardswish;
};
constexpr std::array<MobileBlock, 15> kMobileLarge = {{{0, 3, 1, 1, 16, 16, false, false},
                                                       {1, 3, 2, 4, 64, 24, false, false},
                                                       {1, 3, 1, 3, 72, 24, false, false},
                                                       {2, 5, 2, 3, 72, 40, true, false},
                                                       {2, 5, 1, 3, 120, 40, true, false},
                                                       {2, 5, 1, 3, 120, 40, true, false},
                                                       {3, 3, 2, 6, 240, 80, false, true},
                                                       {3, 3, 1, 2.5, 200, 80, false, true},
                                                       {3, 3, 1, 2.3, 184, 80, false, true},
                                                       {3, 3, 1, 2.3, 184, 80, false, true},
                                                       {4, 3, 1, 6, 480, 112, true, true},
                                                       {4, 3, 1, 6, 672, 112, true, true},
                                                       {5, 5, 2, 6, 672, 160, true, true},
                                                       {5, 5, 1, 6, 960, 160, true, true},
                                                       {5, 5, 1, 6, 960, 160, true, true}}};
constexpr std::array<MobileBlock, 11> kMobileSmall = {{{0, 3, 2, 1, 16, 16, true, false},
                                                       {1, 3, 2, 4.5, 72, 24, false, false},
                                                       {1, 3, 1, 3.67, 88, 24, false, false},
                                                       {2, 5, 2, 4, 96, 40, true, true},
                                                       {2, 5, 1, 6, 240, 40, true, true},
                                                       {2, 5, 1, 6, 240, 40, true, true},
                                                       {3, 5, 1, 3, 120, 48, true, true},
                                                       {3, 5, 1, 3, 144, 48, true, true},
                                                       {4, 5, 2, 6, 288, 96, true, true},
                                                       {4, 5, 1, 6, 576, 96, true, true},
                                                       {4, 5, 1, 6, 576, 96, true, true}}};

void set_maker(InvertedNetOptions& net, InvertedMaker maker, bool torchvision_as_tensorflow) {
  net.padding = maker == InvertedMaker::kTimmTf ? InvertedPadding::kSame : InvertedPadding::kEven;
  const bool eased = maker == InvertedMaker::kTorchvision && torchvision_as_tensorflow;
  net.eps = eased || maker == InvertedMaker::kTimmTf ? 1e-3 : 1e-5;
  net.momentum = net.expand_momentum = eased ? 0.01 : 0.1;
}

InvertedBlockOptions mobile_block(const MobileBlock& row, int64_t in_channels, const MobileNetV3Options& options) {
  const bool torchvision = options.maker == InvertedMaker::kTorchvision;
  InvertedBlockOptions block = {.in_channels = in_channels,
                                .out_channels = scaled_width(row.out_channels, options.width),
                                .kernel = options.minimal ? 3 : row.kernel,
                                .stride = row.stride,
                                .activation = row.hardswish && !options.minimal ? Activation::kHardswish : Activation::kRelu,
                                .gate_activation = Activation::kRelu};
  block.expanded = torchvision ? scaled_width(row.expanded, options.width) : to_eighths(static_cast<double>(in_channels) * row.ratio);
  if (row.stage == 0) block.expanded = in_channels;
  block.kind = block.expanded == in_channels && (torchvision || row.stage == 0) ? InvertedKind::kSeparable : InvertedKind::kInverted;
  if (row.gate && !options.minimal) block.squeezed = to_eighths(static_cast<double>(block.expanded) / 4);
  block.residual = block.stride == 1 && block.out_channels == in_channels;
  return block;
}

std::string mobile_name(const MobileNetV3Options& options) {
  return fmt::format("mobilenet-v3-{}{}{}", options.large ? "large" : "small", options.minimal ? "-minimal" : "",
                     options.width == 1.0 ? "" : fmt::format("-{}", options.width));
}

}  // namespace

InvertedNetOptions scaled_efficientnet(double width, double depth, InvertedMaker maker) {
  InvertedNetOptions net = {.name = "efficientnet",
                            .stem_width = scaled_width(32, width),
                            .head_width = scaled_width(1280, width),
                            .activation = Activation::kSilu,
                            .stages = {}};
  set_maker(net, maker, width >= kEfficientNetScales[5].width);
  int64_t channels = net.stem_width;
  for (const EfficientNetStage& row : kEfficientNetStages) {
    auto& stage = net.stages.emplace_back();
    const auto repeats = static_cast<int64_t>(std::ceil(depth * static_cast<double>(row.repeats)));
    for (int64_t n = 0; n < repeats; ++n) {
      InvertedBlockOptions block = {.kind = row.expansion == 1 ? InvertedKind::kSeparable : InvertedKind::kInverted,
                                    .in_channels = channels,
                                    .expanded = channels * row.expansion,
                                    .out_channels = scaled_width(row.out_channels, width),
                                    .kernel = row.kernel,
                                    .stride = n == 0 ? row.stride : 1,
                                    .squeezed = std::max<int64_t>(1, channels / 4),
                                    .activation = Activation::kSilu,
                                    .gate_activation = Activation::kSilu};
      block.residual = block.stride == 1 && block.out_channels == channels;
      channels = block.out_channels;
      stage.push_back(block);
    }
  }
  if (maker == InvertedMaker::kTorchvision) net.head_width = 4 * channels;
  return net;
}

InvertedNetOptions efficientnet(int64_t number, InvertedMaker maker) {
  const int64_t largest = maker == InvertedMaker::kTorchvision ? 7 : 8;
  if (number < 0 || number > largest)
    throw ConfigError(fmt::format("EfficientNet B{} does not exist; there are B0 to B{}", number, largest));
  const EfficientNetScale& scale = kEfficientNetScales[static_cast<size_t>(number)];
  InvertedNetOptions net = scaled_efficientnet(scale.width, scale.depth, maker);
  net.name = fmt::format("efficientnet-b{}", number);
  return net;
}

InvertedNetOptions mobilenet_v3(const MobileNetV3Options& options) {
  const std::span<const MobileBlock> rows = options.large ? std::span<const MobileBlock>(kMobileLarge) : kMobileSmall;
  const bool torchvision = options.maker == InvertedMaker::kTorchvision;
  InvertedNetOptions net = {.name = mobile_name(options),
                            .stem_width = !torchvision && options.width < 0.75 ? 16 : scaled_width(16, options.width),
                            .head_width = 0,
                            .activation = options.minimal ? Activation::kRelu : Activation::kHardswish,
                            .hard_gate = true,
                            .stages = {}};
  set_maker(net, options.maker, true);
  int64_t channels = net.stem_width;
  for (const MobileBlock& row : rows) {
    if (static_cast<size_t>(row.stage) == net.stages.size()) net.stages.emplace_back();
    net.stages.back().push_back(mobile_block(row, channels, options));
    channels = net.stages.back().back().out_channels;
  }
  const int64_t last = torchvision ? 6 * channels : scaled_width(options.large ? 960 : 576, options.width);
  net.stages.push_back({InvertedBlockOptions{.kind = InvertedKind::kPlain,
                                             .in_channels = channels,
                                             .expanded = channels,
                                             .out_channels = last,
                                             .kernel = 1,
                                             .activation = net.activation}});
  return net;
}

}  // namespace infig
