// timm's ResNets and their descendants by the names of their architectures: what timm 1.0.31 builds for each.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/error.h"
#include "encoders/resnet.h"

namespace infig {
namespace {

enum class TimmStem {
  kOne,     // 7x7, 64 channels
  kDeep,    // 3x3: 32, 32, 64
  kTiered,  // 3x3: 24, 32, 64
  kWide,    // 3x3: 64, 64, 128
};

enum class TimmKind {
  kNone,
  kSqueeze,   // squeeze-and-excitation, a sixteenth of the channels between its layers
  kChannel,   // efficient channel attention
  kResNetRs,  // squeeze-and-excitation, a quarter; the stem pools by a convolution
  kSenet,     // as kSqueeze; 3x3 shortcuts, first convolutions of half the width
};

struct TimmResNet {
  const char* name;
  bool bottleneck;
  std::array<int64_t, 4> layers;
  int64_t groups, base_width;
  TimmStem stem;
  bool average_shortcut;
  TimmKind kind;
  AntiAliasing anti_aliasing;
};

// clang-format off: one line a network
constexpr std::array<TimmResNet, 77> kTimmResNets = {{
    {"resnet10t", false, {1, 1, 1, 1}, 1, 64, TimmStem::kTiered, true, TimmKind::kNone, AntiAliasing::kNone},
    {"resnet14t", true, {1, 1, 1, 1}, 1, 64, TimmStem::kTiered, true, TimmKind::kNone, AntiAliasing::kNone},
    {"resnet18", false, {2, 2, 2, 2}, 1, 64, TimmStem::kOne, false, TimmKind::kNone, AntiAliasing::kNone},
    {"resnet18d", false, {2, 2, 2, 2}, 1, 64, TimmStem::kDeep, true, TimmKind::kNone, AntiAliasing::kNone},
    {"resnet34", false, {3, 4, 6, 3}, 1, 64, TimmStem::kOne, false, TimmKind::kNone, AntiAliasing::kNone},
    {"resnet34d", false, {3, 4, 6, 3}, 1, 64, TimmStem::kDeep, true, TimmKind::kNone, AntiAliasing::kNone},
    {"resnet26", true, {2, 2, 2, 2}, 1, 64, TimmStem::kOne, false, TimmKind::kNone, AntiAliasing::kNone},
    {"resnet26t", true, {2, 2, 2, 2}, 1, 64, TimmStem::kTiered, true, TimmKind::kNone, AntiAliasing::kNone},
    {"resnet26d", true, {2, 2, 2, 2}, 1, 64, TimmStem::kDeep, true, TimmKind::kNone, AntiAliasing::kNone},
    {"resnet50", true, {3, 4, 6, 3}, 1, 64, TimmStem::kOne, false, TimmKind::kNone, AntiAliasing::kNone},
    {"resnet50c", true, {3, 4, 6, 3}, 1, 64, TimmStem::kDeep, false, TimmKind::kNone, AntiAliasing::kNone},
    {"resnet50d", true, {3, 4, 6, 3}, 1, 64, TimmStem::kDeep, true, TimmKind::kNone, AntiAliasing::kNone},
    {"resnet50s", true, {3, 4, 6, 3}, 1, 64, TimmStem::kWide, false, TimmKind::kNone, AntiAliasing::kNone},
    {"resnet50t", true, {3, 4, 6, 3}, 1, 64, TimmStem::kTiered, true, TimmKind::kNone, AntiAliasing::kNone},
    {"resnet101", true, {3, 4, 23, 3}, 1, 64, TimmStem::kOne, false, TimmKind::kNone, AntiAliasing::kNone},
    {"resnet101c", true, {3, 4, 23, 3}, 1, 64, TimmStem::kDeep, false, TimmKind::kNone, AntiAliasing::kNone},
    {"resnet101d", true, {3, 4, 23, 3}, 1, 64, TimmStem::kDeep, true, TimmKind::kNone, AntiAliasing::kNone},
    {"resnet101s", true, {3, 4, 23, 3}, 1, 64, TimmStem::kWide, false, TimmKind::kNone, AntiAliasing::kNone},
    {"resnet152", true, {3, 8, 36, 3}, 1, 64, TimmStem::kOne, false, TimmKind::kNone, AntiAliasing::kNone},
    {"resnet152c", true, {3, 8, 36, 3}, 1, 64, TimmStem::kDeep, false, TimmKind::kNone, AntiAliasing::kNone},
    {"resnet152d", true, {3, 8, 36, 3}, 1, 64, TimmStem::kDeep, true, TimmKind::kNone, AntiAliasing::kNone},
    {"resnet152s", true, {3, 8, 36, 3}, 1, 64, TimmStem::kWide, false, TimmKind::kNone, AntiAliasing::kNone},
    {"resnet200", true, {3, 24, 36, 3}, 1, 64, TimmStem::kOne, false, TimmKind::kNone, AntiAliasing::kNone},
    {"resnet200d", true, {3, 24, 36, 3}, 1, 64, TimmStem::kDeep, true, TimmKind::kNone, AntiAliasing::kNone},
    {"wide_resnet50_2", true, {3, 4, 6, 3}, 1, 128, TimmStem::kOne, false, TimmKind::kNone, AntiAliasing::kNone},
    {"wide_resnet101_2", true, {3, 4, 23, 3}, 1, 128, TimmStem::kOne, false, TimmKind::kNone, AntiAliasing::kNone},
    {"resnext50_32x4d", true, {3, 4, 6, 3}, 32, 4, TimmStem::kOne, false, TimmKind::kNone, AntiAliasing::kNone},
    {"resnext50d_32x4d", true, {3, 4, 6, 3}, 32, 4, TimmStem::kDeep, true, TimmKind::kNone, AntiAliasing::kNone},
    {"resnext101_32x4d", true, {3, 4, 23, 3}, 32, 4, TimmStem::kOne, false, TimmKind::kNone, AntiAliasing::kNone},
    {"resnext101_32x8d", true, {3, 4, 23, 3}, 32, 8, TimmStem::kOne, false, TimmKind::kNone, AntiAliasing::kNone},
    {"resnext101_32x16d", true, {3, 4, 23, 3}, 32, 16, TimmStem::kOne, false, TimmKind::kNone, AntiAliasing::kNone},
    {"resnext101_32x32d", true, {3, 4, 23, 3}, 32, 32, TimmStem::kOne, false, TimmKind::kNone, AntiAliasing::kNone},
    {"resnext101_64x4d", true, {3, 4, 23, 3}, 64, 4, TimmStem::kOne, false, TimmKind::kNone, AntiAliasing::kNone},
    {"ecaresnet26t", true, {2, 2, 2, 2}, 1, 64, TimmStem::kTiered, true, TimmKind::kChannel, AntiAliasing::kNone},
    {"ecaresnet50d", true, {3, 4, 6, 3}, 1, 64, TimmStem::kDeep, true, TimmKind::kChannel, AntiAliasing::kNone},
    {"ecaresnet50t", true, {3, 4, 6, 3}, 1, 64, TimmStem::kTiered, true, TimmKind::kChannel, AntiAliasing::kNone},
    {"ecaresnetlight", true, {1, 1, 11, 3}, 1, 64, TimmStem::kOne, true, TimmKind::kChannel, AntiAliasing::kNone},
    {"ecaresnet101d", true, {3, 4, 23, 3}, 1, 64, TimmStem::kDeep, true, TimmKind::kChannel, AntiAliasing::kNone},
    {"ecaresnet200d", true, {3, 24, 36, 3}, 1, 64, TimmStem::kDeep, true, TimmKind::kChannel, AntiAliasing::kNone},
    {"ecaresnet269d", true, {3, 30, 48, 8}, 1, 64, TimmStem::kDeep, true, TimmKind::kChannel, AntiAliasing::kNone},
    {"ecaresnext26t_32x4d", true, {2, 2, 2, 2}, 32, 4, TimmStem::kTiered, true, TimmKind::kChannel, AntiAliasing::kNone},
    {"ecaresnext50t_32x4d", true, {3, 4, 6, 3}, 32, 4, TimmStem::kTiered, true, TimmKind::kChannel, AntiAliasing::kNone},
    {"seresnet18", false, {2, 2, 2, 2}, 1, 64, TimmStem::kOne, false, TimmKind::kSqueeze, AntiAliasing::kNone},
    {"seresnet34", false, {3, 4, 6, 3}, 1, 64, TimmStem::kOne, false, TimmKind::kSqueeze, AntiAliasing::kNone},
    {"seresnet50", true, {3, 4, 6, 3}, 1, 64, TimmStem::kOne, false, TimmKind::kSqueeze, AntiAliasing::kNone},
    {"seresnet50t", true, {3, 4, 6, 3}, 1, 64, TimmStem::kTiered, true, TimmKind::kSqueeze, AntiAliasing::kNone},
    {"seresnet101", true, {3, 4, 23, 3}, 1, 64, TimmStem::kOne, false, TimmKind::kSqueeze, AntiAliasing::kNone},
    {"seresnet152", true, {3, 8, 36, 3}, 1, 64, TimmStem::kOne, false, TimmKind::kSqueeze, AntiAliasing::kNone},
    {"seresnet152d", true, {3, 8, 36, 3}, 1, 64, TimmStem::kDeep, true, TimmKind::kSqueeze, AntiAliasing::kNone},
    {"seresnet200d", true, {3, 24, 36, 3}, 1, 64, TimmStem::kDeep, true, TimmKind::kSqueeze, AntiAliasing::kNone},
    {"seresnet269d", true, {3, 30, 48, 8}, 1, 64, TimmStem::kDeep, true, TimmKind::kSqueeze, AntiAliasing::kNone},
    {"seresnext26d_32x4d", true, {2, 2, 2, 2}, 32, 4, TimmStem::kDeep, true, TimmKind::kSqueeze, AntiAliasing::kNone},
    {"seresnext26t_32x4d", true, {2, 2, 2, 2}, 32, 4, TimmStem::kTiered, true, TimmKind::kSqueeze, AntiAliasing::kNone},
    {"seresnext50_32x4d", true, {3, 4, 6, 3}, 32, 4, TimmStem::kOne, false, TimmKind::kSqueeze, AntiAliasing::kNone},
    {"seresnext101_32x4d", true, {3, 4, 23, 3}, 32, 4, TimmStem::kOne, false, TimmKind::kSqueeze, AntiAliasing::kNone},
    {"seresnext101_32x8d", true, {3, 4, 23, 3}, 32, 8, TimmStem::kOne, false, TimmKind::kSqueeze, AntiAliasing::kNone},
    {"seresnext101d_32x8d", true, {3, 4, 23, 3}, 32, 8, TimmStem::kDeep, true, TimmKind::kSqueeze, AntiAliasing::kNone},
    {"seresnext101_64x4d", true, {3, 4, 23, 3}, 64, 4, TimmStem::kOne, false, TimmKind::kSqueeze, AntiAliasing::kNone},
    {"senet154", true, {3, 8, 36, 3}, 64, 4, TimmStem::kWide, false, TimmKind::kSenet, AntiAliasing::kNone},
    {"resnetblur18", false, {2, 2, 2, 2}, 1, 64, TimmStem::kOne, false, TimmKind::kNone, AntiAliasing::kBlur},
    {"resnetblur50", true, {3, 4, 6, 3}, 1, 64, TimmStem::kOne, false, TimmKind::kNone, AntiAliasing::kBlur},
    {"resnetblur50d", true, {3, 4, 6, 3}, 1, 64, TimmStem::kDeep, true, TimmKind::kNone, AntiAliasing::kBlur},
    {"resnetblur101d", true, {3, 4, 23, 3}, 1, 64, TimmStem::kDeep, true, TimmKind::kNone, AntiAliasing::kBlur},
    {"resnetaa34d", false, {3, 4, 6, 3}, 1, 64, TimmStem::kDeep, true, TimmKind::kNone, AntiAliasing::kAverage},
    {"resnetaa50", true, {3, 4, 6, 3}, 1, 64, TimmStem::kOne, false, TimmKind::kNone, AntiAliasing::kAverage},
    {"resnetaa50d", true, {3, 4, 6, 3}, 1, 64, TimmStem::kDeep, true, TimmKind::kNone, AntiAliasing::kAverage},
    {"resnetaa101d", true, {3, 4, 23, 3}, 1, 64, TimmStem::kDeep, true, TimmKind::kNone, AntiAliasing::kAverage},
    {"seresnetaa50d", true, {3, 4, 6, 3}, 1, 64, TimmStem::kDeep, true, TimmKind::kSqueeze, AntiAliasing::kAverage},
    {"seresnextaa101d_32x8d", true, {3, 4, 23, 3}, 32, 8, TimmStem::kDeep, true, TimmKind::kSqueeze, AntiAliasing::kAverage},
    {"seresnextaa201d_32x8d", true, {3, 24, 36, 4}, 32, 8, TimmStem::kWide, true, TimmKind::kSqueeze, AntiAliasing::kAverage},
    {"resnetrs50", true, {3, 4, 6, 3}, 1, 64, TimmStem::kDeep, true, TimmKind::kResNetRs, AntiAliasing::kNone},
    {"resnetrs101", true, {3, 4, 23, 3}, 1, 64, TimmStem::kDeep, true, TimmKind::kResNetRs, AntiAliasing::kNone},
    {"resnetrs152", true, {3, 8, 36, 3}, 1, 64, TimmStem::kDeep, true, TimmKind::kResNetRs, AntiAliasing::kNone},
    {"resnetrs200", true, {3, 24, 36, 3}, 1, 64, TimmStem::kDeep, true, TimmKind::kResNetRs, AntiAliasing::kNone},
    {"resnetrs270", true, {4, 29, 53, 4}, 1, 64, TimmStem::kDeep, true, TimmKind::kResNetRs, AntiAliasing::kNone},
    {"resnetrs350", true, {4, 36, 72, 4}, 1, 64, TimmStem::kDeep, true, TimmKind::kResNetRs, AntiAliasing::kNone},
    {"resnetrs420", true, {4, 44, 87, 4}, 1, 64, TimmStem::kDeep, true, TimmKind::kResNetRs, AntiAliasing::kNone}
}};
// clang-format on

ResNetOptions options_of(const TimmResNet& row) {
  ResNetOptions options = {.bottleneck = row.bottleneck,
                           .layers = {row.layers.begin(), row.layers.end()},
                           .stem_width = row.stem == TimmStem::kWide ? 128 : 64,
                           .groups = row.groups,
                           .base_width = row.base_width,
                           .average_shortcut = row.average_shortcut,
                           .anti_aliasing = row.anti_aliasing};
  if (row.stem == TimmStem::kDeep) options.deep_stem = {32, 32};
  if (row.stem == TimmStem::kTiered) options.deep_stem = {24, 32};
  if (row.stem == TimmStem::kWide) options.deep_stem = {64, 64};
  if (row.kind != TimmKind::kNone)
    options.gate = row.kind == TimmKind::kChannel ? ChannelGate::kChannelAttention : ChannelGate::kSqueezeExcite;
  if (row.kind == TimmKind::kResNetRs) {
    options.squeeze_ratio = 0.25;
    options.convolution_pool = true;
  }
  if (row.kind == TimmKind::kSenet) {
    options.shortcut_kernel = 3;
    options.reduce_first = 2;
  }
  return options;
}

}  // namespace

std::optional<ResNetOptions> timm_resnet(const std::string& architecture) {
  const auto found = std::ranges::find(kTimmResNets, architecture, [](const TimmResNet& row) { return std::string(row.name); });
  if (found == kTimmResNets.end()) return std::nullopt;
  return options_of(*found);
}

std::vector<std::string> timm_resnets_like(const ResNetOptions& options) {
  std::vector<std::string> names;
  for (const TimmResNet& row : kTimmResNets) {
    ResNetOptions known = options_of(row);
    known.anti_aliasing = options.anti_aliasing;
    if (known == options) names.emplace_back(row.name);
  }
  return names;
}

std::vector<std::string> timm_resnet_names() {
  std::vector<std::string> names;
  for (const TimmResNet& row : kTimmResNets) names.emplace_back(row.name);
  return names;
}

}  // namespace infig
