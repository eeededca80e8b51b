// ResNet's config.json, transformers' names, and the shape of a bare checkpoint.
#include <fmt/format.h>

#include <charconv>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "encoders/config_reader.h"
#include "encoders/resnet.h"

namespace infig {
namespace {

std::vector<std::string> split_name(const std::string& name) {
  std::vector<std::string> parts(1);
  for (const char c : name) {
    if (c == '.') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

// "3" -> 3 + 1 as text; torchvision counts stages and convolutions from 1.
std::string one_more(const std::string& number) {
  int64_t value = 0;
  std::from_chars(number.data(), number.data() + number.size(), value);
  return std::to_string(value + 1);
}

}  // namespace

std::string torchvision_name(const std::string& name) {
  const std::vector<std::string> parts = split_name(name);
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
  return {{"model_type", "resnet"},
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
}

ResNetOptions resnet_options_from_weights(const TensorMap& tensors) {
  const auto shape = [&](const std::string& name) {
    const auto found = tensors.find(name);
    if (found == tensors.end() || found->second.dim() != 4)
      throw CheckpointError(fmt::format("ResNet: {} is missing or no convolution", name));
    return found->second.sizes();
  };
  ResNetOptions options = {.bottleneck = tensors.contains("layer1.0.conv3.weight"), .layers = {}, .widths = {}};
  options.stem_kernel = shape("conv1.weight")[2];
  options.stem_width = shape("conv1.weight")[0];
  for (int64_t stage = 1; stage <= 4; ++stage) {
    int64_t blocks = 0;
    while (tensors.contains(fmt::format("layer{}.{}.conv1.weight", stage, blocks))) ++blocks;
    options.layers.push_back(blocks);
    options.widths.push_back(shape(fmt::format("layer{}.0.conv1.weight", stage))[0]);
  }
  options.validate();
  return options;
}

}  // namespace infig
