// ResNet's config.json, transformers' names, and the shape of a bare checkpoint.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "encoders/config_reader.h"
#include "encoders/resnet.h"
#include "encoders/weight_names.h"

namespace infig {
namespace {

// "3" -> 3 + 1 as text; torchvision counts stages and convolutions from 1.
std::string one_more(const std::string& number) {
  int64_t value = 0;
  std::from_chars(number.data(), number.data() + number.size(), value);
  return std::to_string(value + 1);
}

constexpr std::array<std::pair<const char*, ChannelGate>, 3> kGateNames = {
    {{"none", ChannelGate::kNone}, {"squeeze-excite", ChannelGate::kSqueezeExcite}, {"channel-attention", ChannelGate::kChannelAttention}}};
constexpr std::array<std::pair<const char*, AntiAliasing>, 3> kAntiAliasingNames = {
    {{"none", AntiAliasing::kNone}, {"blur", AntiAliasing::kBlur}, {"average", AntiAliasing::kAverage}}};

template <typename Table>
auto named_in(const Table& table, const ConfigReader& reader, const char* key) {
  const std::string word = reader.text(key, table[0].first);
  for (const auto& [name, value] : table) {
    if (word == name) return value;
  }
  reader.require(false, fmt::format("config.json: {} is \"{}\"; supported are {}, {} and {}", key, word, table[0].first, table[1].first,
                                    table[2].first));
  return table[0].second;
}

template <typename Table, typename Value>
const char* name_in(const Table& table, Value value) {
  for (const auto& [name, known] : table) {
    if (known == value) return name;
  }
  return table[0].first;
}

// What a descendant has beyond transformers' ResNet.
void read_descendant(const ConfigReader& reader, ResNetOptions& options) {
  options.groups = reader.integer("groups", options.groups);
  options.base_width = reader.integer("base_width", options.base_width);
  options.deep_stem = reader.integers("deep_stem", options.deep_stem);
  options.average_shortcut = reader.flag("average_shortcut", options.average_shortcut);
  options.shortcut_kernel = reader.integer("shortcut_kernel", options.shortcut_kernel);
  options.reduce_first = reader.integer("reduce_first", options.reduce_first);
  options.gate = named_in(kGateNames, reader, "gate");
  options.squeeze_ratio = reader.number("squeeze_ratio", options.squeeze_ratio);
  options.anti_aliasing = named_in(kAntiAliasingNames, reader, "anti_aliasing");
  options.convolution_pool = reader.flag("convolution_pool", options.convolution_pool);
}

// Nothing for a ResNet, whose config.json stays as it always was.
void add_descendant(const ResNetOptions& options, nlohmann::json& json) {
  const ResNetOptions plain;
  const auto add = [&json](const char* key, const auto& value, const auto& usual) {
    if (value != usual) json[key] = value;
  };
  add("groups", options.groups, plain.groups);
  add("base_width", options.base_width, plain.base_width);
  add("deep_stem", options.deep_stem, plain.deep_stem);
  add("average_shortcut", options.average_shortcut, plain.average_shortcut);
  add("shortcut_kernel", options.shortcut_kernel, plain.shortcut_kernel);
  add("reduce_first", options.reduce_first, plain.reduce_first);
  add("squeeze_ratio", options.squeeze_ratio, plain.squeeze_ratio);
  add("convolution_pool", options.convolution_pool, plain.convolution_pool);
  if (options.gate != plain.gate) json["gate"] = name_in(kGateNames, options.gate);
  if (options.anti_aliasing != plain.anti_aliasing) json["anti_aliasing"] = name_in(kAntiAliasingNames, options.anti_aliasing);
}

}  // namespace

std::string torchvision_name(const std::string& name) {
  const std::vector<std::string> parts = dotted_parts(name);
  if (name.starts_with("embedder.embedder.") && parts.size() == 4) {
    return (parts[2] == "convolution" ? "conv1." : "bn1.") + parts[3];
  }
  if (!name.starts_with("encoder.stages.") || parts.size() < 8) return name;
  const std::string block = fmt::format("layer{}.{}.", one_more(parts[2]), parts[4]);
  if (parts[5] == "shortcut") return block + (parts[6] == "convolution" ? "downsample.0." : "downsample.1.") + parts[7];
  if (parts[5] != "layer" || parts.size() != 9) return name;
  return block + (parts[7] == "convolution" ? "conv" : "bn") + one_more(parts[6]) + "." + parts[8];
}

ResNetOptions resnet_options_from_json(const nlohmann::json& json) {
  const ConfigReader reader(json, "ResNet");
  const std::string type = reader.text("model_type", "resnet"), kind = reader.text("layer_type", "bottleneck");
  reader.require(type == "resnet", fmt::format("config.json: model_type is \"{}\"; expected \"resnet\"", type));
  reader.require(kind == "bottleneck" || kind == "basic",
                 fmt::format("config.json: layer_type is \"{}\"; supported are bottleneck and basic", kind));
  reader.require(reader.integer("num_channels", 3) == 3, "config.json: num_channels is not 3");
  ResNetOptions options = {.bottleneck = kind == "bottleneck",
                           .layers = reader.integers("depths", {3, 4, 6, 3}),
                           .widths = reader.integers("hidden_sizes", {256, 512, 1024, 2048}),
                           .stem_kernel = reader.integer("stem_kernel", 7),
                           .stem_stride = reader.integer("stem_stride", 2),
                           .stem_width = reader.integer("embedding_size", 64),
                           .stem_pool = reader.flag("stem_pool", true),
                           .stride_on_first = kind == "bottleneck" && reader.flag("downsample_in_bottleneck", false),
                           .stride_in_first_stage = reader.flag("downsample_in_first_stage", false),
                           .hidden_act = reader.activation("hidden_act", "relu")};
  read_descendant(reader, options);
  for (int64_t& width : options.widths) {
    reader.require(width % options.expansion() == 0,
                   fmt::format("config.json: hidden_sizes holds {}; allowed are multiples of {}", width, options.expansion()));
    width /= options.expansion();
  }
  options.validate();
  return options;
}

nlohmann::json ResNetImpl::config() const {
  std::vector<int64_t> hidden_sizes;
  for (const int64_t width : options_.widths) hidden_sizes.push_back(width * options_.expansion());
  nlohmann::json json = {{"model_type", "resnet"},
                         {"layer_type", options_.bottleneck ? "bottleneck" : "basic"},
                         {"depths", options_.layers},
                         {"hidden_sizes", hidden_sizes},
                         {"embedding_size", options_.stem_width},
                         {"hidden_act", activation_name(options_.hidden_act)},
                         {"downsample_in_bottleneck", options_.stride_on_first},
                         {"downsample_in_first_stage", options_.stride_in_first_stage},
                         {"stem_kernel", options_.stem_kernel},
                         {"stem_stride", options_.stem_stride},
                         {"stem_pool", options_.stem_pool}};
  add_descendant(options_, json);
  return json;
}

namespace {

// A convolution's weight. Throws CheckpointError.
at::IntArrayRef convolution_of(const TensorMap& tensors, const std::string& name) {
  const auto found = tensors.find(name);
  if (found == tensors.end() || found->second.dim() != 4)
    throw CheckpointError(fmt::format("named as a ResNet, but {} is missing or no convolution", name));
  return found->second.sizes();
}

void read_stem(const TensorMap& tensors, ResNetOptions& options) {
  if (!tensors.contains("conv1.0.weight")) {
    options.stem_kernel = convolution_of(tensors, "conv1.weight")[2];
    options.stem_width = convolution_of(tensors, "conv1.weight")[0];
  } else {
    options.deep_stem = {convolution_of(tensors, "conv1.0.weight")[0], convolution_of(tensors, "conv1.3.weight")[0]};
    options.stem_width = convolution_of(tensors, "conv1.6.weight")[0];
  }
  options.convolution_pool = tensors.contains("maxpool.0.weight");
}

// Groups, widths and gates, by the first stage's first block; shortcuts by the second stage's, the first of stride 2.
void read_blocks(const TensorMap& tensors, ResNetOptions& options) {
  const at::IntArrayRef second = convolution_of(tensors, "layer1.0.conv2.weight");
  const int64_t inner = second[0], first = convolution_of(tensors, "layer1.0.conv1.weight")[0];
  options.reduce_first = first > 0 && inner > first && inner % first == 0 ? inner / first : 1;
  if (options.bottleneck) {
    options.groups = second[1] > 0 && first % second[1] == 0 ? first / second[1] : 1;
    // The least that gives the width; base_width and groups count as their product alone.
    const int64_t width = std::max<int64_t>(options.widths[0], 1), wanted = inner * 64;
    options.base_width = std::max<int64_t>(1, (wanted / options.groups + width - 1) / width);
  }
  if (tensors.contains("layer1.0.se.conv.weight")) options.gate = ChannelGate::kChannelAttention;
  if (tensors.contains("layer1.0.se.fc1.weight")) {
    options.gate = ChannelGate::kSqueezeExcite;
    // The ratio is one of two; the first block's gate tells which, unless it is as narrow as gates can be.
    const int64_t out = options.widths.back() * options.expansion();
    options.squeeze_ratio = convolution_of(tensors, "layer4.0.se.fc1.weight")[0] * 8 > out ? 0.25 : 1.0 / 16;
  }
  if (tensors.contains("layer2.0.downsample.0.weight")) {
    options.shortcut_kernel = convolution_of(tensors, "layer2.0.downsample.0.weight")[2];
  } else {
    options.average_shortcut = tensors.contains("layer2.0.downsample.1.weight");
  }
}

ResNetOptions shaped_options(const TensorMap& tensors) {
  ResNetOptions options = {.bottleneck = tensors.contains("layer1.0.conv3.weight"), .layers = {}, .widths = {}};
  read_stem(tensors, options);
  for (int64_t stage = 1; stage <= 4; ++stage) {
    int64_t blocks = 0;
    while (tensors.contains(fmt::format("layer{}.{}.conv1.weight", stage, blocks))) ++blocks;
    options.layers.push_back(blocks);
    const int64_t out = convolution_of(tensors, fmt::format("layer{}.0.conv{}.weight", stage, options.bottleneck ? 3 : 2))[0];
    options.widths.push_back(out / options.expansion());
  }
  read_blocks(tensors, options);
  options.validate();
  return options;
}

// torchvision's networks have none of these.
bool is_of_timm_alone(const ResNetOptions& options) {
  return !options.deep_stem.empty() || options.average_shortcut || options.gate != ChannelGate::kNone || options.reduce_first != 1 ||
         options.shortcut_kernel != 1 || options.convolution_pool;
}

}  // namespace

ResNetOptions resnet_options_from_weights(const TensorMap& tensors, const std::string& where) {
  ResNetOptions options;
  try {
    options = shaped_options(tensors);
  } catch (const Error& error) {
    throw CheckpointError(fmt::format("{}: {}", where, error.what()));
  }
  if (!is_of_timm_alone(options)) return options;
  const std::vector<std::string> names = timm_resnets_like(options);
  if (names.size() == 1) return *timm_resnet(names[0]);
  if (names.empty()) return options;
  throw CheckpointError(fmt::format(
      "{}: names and shapes fit several of timm's networks, which compute differently (anti-aliasing has no weights): {}; say which "
      "it is: put it as model.safetensors or pytorch_model.bin into a folder with a config.json that holds {{\"architecture\": "
      "\"{}\"}}, or another of these names",
      where, fmt::join(names, ", "), names[0]));
}

}  // namespace infig
