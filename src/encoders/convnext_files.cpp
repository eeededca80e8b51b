// ConvNeXt's config.json, the four namings of its weights, and the shape of a bare checkpoint.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/error.h"
#include "encoders/config_reader.h"
#include "encoders/convnext.h"
#include "encoders/weight_names.h"

namespace infig {
namespace {

std::string join_from(const std::vector<std::string>& parts, size_t first) {
  std::string joined;
  for (size_t i = first; i < parts.size(); ++i) joined += (i == first ? "" : ".") + parts[i];
  return joined;
}

// What the parts of a block are called by transformers and the authors, by torchvision (their place in a sequence), and here.
struct BlockName {
  const char* transformers;
  const char* authors;
  const char* torchvision;
  const char* ours;
};
constexpr std::array<BlockName, 5> kBlockNames = {{{"dwconv", "dwconv", "block.0", "conv_dw"},
                                                   {"layernorm", "norm", "block.2", "norm"},
                                                   {"pwconv1", "pwconv1", "block.3", "mlp.fc1"},
                                                   {"pwconv2", "pwconv2", "block.5", "mlp.fc2"},
                                                   {"layer_scale_parameter", "gamma", "layer_scale", "gamma"}}};

// `rest` is a part's name in one of the namings, followed by .weight or .bias unless it is the layer scale.
std::optional<std::string> block_part(const std::string& rest, const char* BlockName::* naming) {
  for (const BlockName& name : kBlockNames) {
    const std::string theirs = name.*naming;
    if (rest == theirs) return name.ours;
    if (rest.starts_with(theirs + ".")) return name.ours + rest.substr(theirs.size());
  }
  return std::nullopt;
}

std::string of_transformers(const std::string& name) {
  const std::vector<std::string> parts = dotted_parts(name);
  if (name.starts_with("embeddings.patch_embeddings.") && parts.size() == 3) return "stem.0." + parts[2];
  if (name.starts_with("embeddings.layernorm.") && parts.size() == 3) return "stem.1." + parts[2];
  if (!name.starts_with("encoder.stages.") || parts.size() < 6) return name;
  if (parts[3] == "downsampling_layer") return fmt::format("stages.{}.downsample.{}", parts[2], join_from(parts, 4));
  if (parts[3] != "layers") return name;
  const auto part = block_part(join_from(parts, 5), &BlockName::transformers);
  return part ? fmt::format("stages.{}.blocks.{}.{}", parts[2], parts[4], *part) : name;
}

// features.0: the stem; features.1, 3, ...: a stage's blocks; features.2, 4, ...: the down-sampling before the next.
std::string of_torchvision(const std::string& name) {
  const std::vector<std::string> parts = dotted_parts(name);
  int64_t place = -1;
  if (parts.size() >= 4) std::from_chars(parts[1].data(), parts[1].data() + parts[1].size(), place);
  if (place < 0 || place > 64) return name;
  if (place == 0) return fmt::format("stem.{}", join_from(parts, 2));
  if (place % 2 == 0) return fmt::format("stages.{}.downsample.{}", place / 2, join_from(parts, 2));
  const auto part = block_part(join_from(parts, 3), &BlockName::torchvision);
  return part ? fmt::format("stages.{}.blocks.{}.{}", place / 2, parts[2], *part) : name;
}

std::string of_authors(const std::string& name) {
  const std::vector<std::string> parts = dotted_parts(name);
  if (name.starts_with("downsample_layers.") && parts.size() == 4) {
    if (parts[1] == "0") return fmt::format("stem.{}", join_from(parts, 2));
    return fmt::format("stages.{}.downsample.{}", parts[1], join_from(parts, 2));
  }
  if (!name.starts_with("stages.") || parts.size() < 4) return name;
  const auto part = block_part(join_from(parts, 3), &BlockName::authors);
  return part ? fmt::format("stages.{}.blocks.{}.{}", parts[1], parts[2], *part) : name;
}

using Rename = std::string (*)(const std::string&);

bool has_part(const TensorMap& tensors, const std::string& part) {
  return std::ranges::any_of(tensors, [&](const auto& item) { return item.first.find(part) != std::string::npos; });
}

// Null where the names are none of a ConvNeXt.
Rename naming_of(const TensorMap& tensors) {
  if (has_part(tensors, "embeddings.patch_embeddings.") && has_part(tensors, ".dwconv.")) return of_transformers;
  if (has_part(tensors, "downsample_layers.0.0.") && has_part(tensors, ".dwconv.")) return of_authors;
  if (has_part(tensors, "features.1.0.layer_scale") || has_part(tensors, "features.1.0.block.5.")) return of_torchvision;
  if (has_part(tensors, "stages.0.blocks.0.conv_dw.")) return [](const std::string& name) { return name; };
  return nullptr;
}

const WeightNames kConvNextNames = {
    .prefixes = {"convnext.", "timm_model.", "module.", "model."},
    .endings = {},
    .other_parts = {"head.", "classifier.", "layernorm.", "norm.weight", "norm.bias"},  // of the classifier, and before it
    .other_endings = {}};

const char* stem_name(ConvNextStem stem) { return stem == ConvNextStem::kPatch ? "patch" : "overlap"; }

at::IntArrayRef shape_of(const TensorMap& tensors, const std::string& name, int64_t sides, const std::string& where) {
  const auto found = tensors.find(name);
  if (found == tensors.end() || found->second.dim() != sides) {
    throw CheckpointError(fmt::format("{}: reads as a ConvNeXt, but {} is missing or has no {} sides", where, name, sides));
  }
  return found->second.sizes();
}

}  // namespace

bool is_convnext(const TensorMap& tensors) { return naming_of(tensors) != nullptr; }

TensorMap convnext_weights(const TensorMap& published, const std::string& where) {
  const Rename rename = naming_of(published);
  if (rename == nullptr) throw CheckpointError(fmt::format("{}: holds no ConvNeXt", where));
  TensorMap tensors;
  for (const auto& [key, tensor] : rename_weights(published, kConvNextNames, where)) {
    std::string name = rename(key);
    at::Tensor value = tensor;
    if (name.find(".mlp.fc") != std::string::npos && value.dim() == 4 && value.size(2) == 1 && value.size(3) == 1) value = value.flatten(1);
    if (name.ends_with(".gamma") && value.dim() == 3 && value.size(1) == 1 && value.size(2) == 1) value = value.flatten();
    if (!tensors.emplace(name, value).second)
      throw CheckpointError(fmt::format("{}: two keys stand for {}, one of them is {}", where, name, key));
  }
  return tensors;
}

ConvNextOptions convnext_options_from_json(const nlohmann::json& json) {
  const ConfigReader reader(json, "ConvNeXt");
  const std::string type = reader.text("model_type", "convnext"), stem = reader.text("stem", "patch");
  reader.require(type == "convnext", fmt::format("config.json: model_type is \"{}\"; expected \"convnext\"", type));
  reader.require(reader.integer("num_channels", 3) == 3, "config.json: num_channels is not 3");
  reader.require(stem == "patch" || stem == "overlap", fmt::format("config.json: stem is \"{}\"; supported are patch and overlap", stem));
  ConvNextOptions options = {.depths = reader.integers("depths", {3, 3, 9, 3}),
                             .hidden_sizes = reader.integers("hidden_sizes", {96, 192, 384, 768}),
                             .kernel_sizes = {},
                             .stem = stem == "patch" ? ConvNextStem::kPatch : ConvNextStem::kOverlap,
                             .patch_size = reader.integer("patch_size", 4),
                             .stem_width = reader.integer("stem_width", 0),
                             .hidden_act = reader.activation("hidden_act", "gelu"),
                             .layer_norm_eps = reader.number("block_layer_norm_eps", 1e-6),  // layer_norm_eps is of the pooled vector's
                             .layer_scale = reader.number("layer_scale_init_value", 1e-6) > 0,
                             .final_norm = reader.flag("final_norm", false)};
  const auto stages = static_cast<int64_t>(options.depths.size());
  reader.require(reader.integer("num_stages", stages) == stages,
                 fmt::format("config.json: num_stages is {}, but depths has {} stages", reader.integer("num_stages", stages), stages));
  options.kernel_sizes = reader.integers("kernel_sizes", std::vector<int64_t>(options.depths.size(), 7));
  options.validate();
  return options;
}

nlohmann::json ConvNextImpl::config() const {
  return {{"model_type", "convnext"},
          {"num_stages", options_.depths.size()},
          {"depths", options_.depths},
          {"hidden_sizes", options_.hidden_sizes},
          {"kernel_sizes", options_.kernel_sizes},
          {"stem", stem_name(options_.stem)},
          {"patch_size", options_.patch_size},
          {"stem_width", options_.stem_width},
          {"hidden_act", activation_name(options_.hidden_act)},
          {"block_layer_norm_eps", options_.layer_norm_eps},
          {"layer_scale_init_value", options_.layer_scale ? 1e-6 : 0.0},
          {"final_norm", options_.final_norm}};
}

ConvNextOptions convnext_options_from_weights(const TensorMap& tensors, const std::string& where) {
  if (has_part(tensors, ".grn."))
    throw CheckpointError(
        fmt::format("{}: is a ConvNeXt V2 (it has a global response normalization, grn), which is not supported; give a ConvNeXt of the "
                    "first version, as convnext_tiny",
                    where));
  const auto shape = [&](const std::string& name, int64_t sides) { return shape_of(tensors, name, sides, where); };
  ConvNextOptions options = {.depths = {}, .hidden_sizes = {}, .kernel_sizes = {}};
  for (size_t stage = 0; stage < 8 && tensors.contains(fmt::format("stages.{}.blocks.0.conv_dw.weight", stage)); ++stage) {
    int64_t blocks = 0;
    while (tensors.contains(fmt::format("stages.{}.blocks.{}.conv_dw.weight", stage, blocks))) ++blocks;
    const at::IntArrayRef first = shape(fmt::format("stages.{}.blocks.0.conv_dw.weight", stage), 4);
    options.depths.push_back(blocks);
    options.hidden_sizes.push_back(first[0]);
    options.kernel_sizes.push_back(first[2]);
  }
  const at::IntArrayRef stem = shape("stem.0.weight", 4);
  const auto second = tensors.find("stem.1.weight");
  if (second != tensors.end() && second->second.dim() == 4) {
    options.stem = ConvNextStem::kOverlap;
    options.stem_width = stem[0];
  } else {
    options.patch_size = stem[2];
  }
  options.layer_scale = tensors.contains("stages.0.blocks.0.gamma");
  options.final_norm = tensors.contains("norm_pre.weight");
  // The published net of this width alone (convnext_xxlarge) has another.
  if (!options.hidden_sizes.empty() && options.hidden_sizes[0] == 384) options.layer_norm_eps = 1e-5;
  try {
    options.validate();
  } catch (const ConfigError& error) {
    throw CheckpointError(fmt::format("{}: {}", where, error.what()));
  }
  return options;
}

}  // namespace infig
