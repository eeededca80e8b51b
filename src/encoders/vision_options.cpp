// config.json <-> VisionTransformerOptions.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "encoders/config_reader.h"
#include "encoders/vision_transformer.h"

namespace infig {
namespace {

constexpr PreNormNames kVisionVitNames = {.norm1 = "layernorm_before",
                                          .query = "attention.attention.query",
                                          .key = "attention.attention.key",
                                          .value = "attention.attention.value",
                                          .attention_out = "attention.output.dense",
                                          .scale1 = nullptr,
                                          .norm2 = "layernorm_after",
                                          .fc1 = "intermediate.dense",
                                          .fc2 = "output.dense",
                                          .scale2 = nullptr};
constexpr PreNormNames kVisionClipNames = {.norm1 = "layer_norm1",
                                           .query = "self_attn.q_proj",
                                           .key = "self_attn.k_proj",
                                           .value = "self_attn.v_proj",
                                           .attention_out = "self_attn.out_proj",
                                           .scale1 = nullptr,
                                           .norm2 = "layer_norm2",
                                           .fc1 = "mlp.fc1",
                                           .fc2 = "mlp.fc2",
                                           .scale2 = nullptr};
constexpr PreNormNames kVisionDinov2Names = {.norm1 = "norm1",
                                             .query = "attention.attention.query",
                                             .key = "attention.attention.key",
                                             .value = "attention.attention.value",
                                             .attention_out = "attention.output.dense",
                                             .scale1 = "layer_scale1.lambda1",
                                             .norm2 = "norm2",
                                             .fc1 = "mlp.fc1",
                                             .fc2 = "mlp.fc2",
                                             .scale2 = "layer_scale2.lambda1"};

struct KnownVision {
  const char* model_type;
  VisionKind kind;
  const char* section;  // where its config stands; null: at the top
  const char* own_type;
};
constexpr std::array<KnownVision, 8> kKnownVision = {{{"vit", VisionKind::kVit, nullptr, "vit"},
                                                      {"deit", VisionKind::kDeit, nullptr, "deit"},
                                                      {"dinov2", VisionKind::kDinov2, nullptr, "dinov2"},
                                                      {"dinov2_with_registers", VisionKind::kDinov2, nullptr, "dinov2_with_registers"},
                                                      {"clip_vision_model", VisionKind::kClip, nullptr, "clip_vision_model"},
                                                      {"siglip_vision_model", VisionKind::kSiglip, nullptr, "siglip_vision_model"},
                                                      {"clip", VisionKind::kClip, "vision_config", "clip_vision_model"},
                                                      {"siglip", VisionKind::kSiglip, "vision_config", "siglip_vision_model"}}};

const KnownVision* find_vision(const std::string& model_type) {
  const auto* found = std::ranges::find_if(kKnownVision, [&](const KnownVision& known) { return model_type == known.model_type; });
  return found == kKnownVision.end() ? nullptr : found;
}

// A side, or a list of two equal ones.
int64_t read_side(const ConfigReader& reader, const nlohmann::json& json, const char* key, int64_t fallback) {
  if (!reader.has(key) || !json[key].is_array()) return reader.integer(key, fallback);
  const std::vector<int64_t> sides = reader.integers(key, {});
  reader.require(sides.size() == 2 && sides[0] == sides[1],
                 fmt::format("config.json: {} is {}; supported are squares", key, json[key].dump()));
  return sides[0];
}

// DINOv2 states the width of the feed-forward part as a multiple of hidden_size.
int64_t dinov2_width(int64_t hidden, double ratio, bool gated) {
  if (!(ratio > 0 && ratio < 1e6)) return 0;  // validate() refuses the width
  const auto wide = static_cast<int64_t>(static_cast<double>(hidden) * ratio);
  return gated ? (wide * 2 / 3 + 7) / 8 * 8 : wide;
}

VisionTransformerOptions vision_defaults(const KnownVision& known) {
  VisionTransformerOptions options = {.kind = known.kind, .model_type = known.own_type};
  if (known.kind == VisionKind::kDinov2) {
    options.layer_norm_eps = 1e-6;
    options.patch_size = options.model_type == "dinov2" ? 14 : 16;
    if (options.model_type == "dinov2_with_registers") options.num_register_tokens = 4;
  }
  if (known.kind == VisionKind::kClip) {
    options.hidden_act = Activation::kQuickGelu;
    options.layer_norm_eps = 1e-5;
    options.patch_size = 32;
  }
  if (known.kind == VisionKind::kSiglip) {
    options.hidden_act = Activation::kGeluTanh;
    options.layer_norm_eps = 1e-6;
  }
  return options;
}

// Settings that transformers knows and this code does not are refused, not silently ignored.
void refuse_unsupported_vision(const ConfigReader& reader, VisionKind kind) {
  refuse_quantized(reader);
  const int64_t channels = reader.integer("num_channels", 3);
  reader.require(channels == 3, fmt::format("config.json: num_channels is {}; supported is 3", channels));
  if (kind == VisionKind::kSiglip) {
    reader.require(reader.flag("vision_use_head", true),
                   "config.json: vision_use_head is false; supported is SigLIP with its pooling head, which stands for the CLS");
  }
}

}  // namespace

PreNormNames clip_layer_names() { return kVisionClipNames; }

bool is_vision_transformer(const std::string& model_type) { return find_vision(model_type) != nullptr; }

PreNormLayerOptions VisionTransformerOptions::layer() const {
  PreNormLayerOptions layer = {.hidden_size = hidden_size,
                               .num_attention_heads = num_attention_heads,
                               .intermediate_size = intermediate_size,
                               .hidden_act = hidden_act,
                               .layer_norm_eps = layer_norm_eps,
                               .qkv_bias = qkv_bias,
                               .layer_scale = kind == VisionKind::kDinov2,
                               .gated = use_swiglu_ffn,
                               .hidden_dropout_prob = hidden_dropout_prob,
                               .attention_probs_dropout_prob = attention_probs_dropout_prob,
                               .names = kVisionVitNames};
  if (kind == VisionKind::kClip || kind == VisionKind::kSiglip) layer.names = kVisionClipNames;
  if (kind == VisionKind::kDinov2) layer.names = kVisionDinov2Names;
  if (use_swiglu_ffn) {
    layer.names.fc1 = "mlp.weights_in";
    layer.names.fc2 = "mlp.weights_out";
  }
  return layer;
}

void VisionTransformerOptions::validate() const {
  constexpr int64_t kMostLayers = 4096, kLargestSide = 1 << 14;  // what a hostile file states is not allocated
  const auto require = [this](bool allowed, const std::string& what) {
    if (!allowed) throw ConfigError(model_type + ": " + what);
  };
  const auto within = [&](const char* key, int64_t value, int64_t low, int64_t high) {
    require(value >= low && value <= high, fmt::format("{} is {}; allowed is {} .. {}", key, value, low, high));
  };
  try {
    layer().validate();
  } catch (const ConfigError& error) {
    throw ConfigError(fmt::format("{}: {}", model_type, error.what()));
  }
  within("hidden_size", hidden_size, 1, 1 << 16);
  within("intermediate_size", intermediate_size, 1, 1 << 20);
  within("num_hidden_layers", num_hidden_layers, 1, kMostLayers);
  within("image_size", image_size, 1, kLargestSide);
  within("patch_size", patch_size, 1, image_size);
  within("num_register_tokens", num_register_tokens, 0, 1024);
  require(num_register_tokens == 0 || kind == VisionKind::kDinov2,
          fmt::format("num_register_tokens is {}; supported by DINOv2 alone", num_register_tokens));
  require(!use_swiglu_ffn || kind == VisionKind::kDinov2, "use_swiglu_ffn is true; supported by DINOv2 alone");
  require(initializer_range > 0.0, fmt::format("initializer_range is {}; allowed is > 0", initializer_range));
}

VisionTransformerOptions vision_options_from_json(const nlohmann::json& json) {
  const ConfigReader top(json, "Vision Transformer");
  const std::string type = top.text("model_type", "");
  const KnownVision* known = find_vision(type);
  top.require(known != nullptr, fmt::format("config.json: model_type is \"{}\"; expected a Vision Transformer known here", type));
  const nlohmann::json section = known->section == nullptr ? json : json.value(known->section, nlohmann::json::object());
  const ConfigReader reader(section, known->section == nullptr ? type : fmt::format("{}: {}", type, known->section));
  refuse_unsupported_vision(reader, known->kind);
  VisionTransformerOptions options = vision_defaults(*known);
  options.hidden_size = reader.integer("hidden_size", options.hidden_size);
  options.num_hidden_layers = reader.integer("num_hidden_layers", options.num_hidden_layers);
  options.num_attention_heads = reader.integer("num_attention_heads", options.num_attention_heads);
  options.image_size = read_side(reader, section, "image_size", options.image_size);
  options.patch_size = read_side(reader, section, "patch_size", options.patch_size);
  options.hidden_act = reader.activation("hidden_act", activation_name(options.hidden_act));
  options.layer_norm_eps = reader.number("layer_norm_eps", options.layer_norm_eps);
  options.initializer_range = reader.number("initializer_range", options.initializer_range);
  if (options.kind != VisionKind::kClip && options.kind != VisionKind::kSiglip) options.qkv_bias = reader.flag("qkv_bias", true);
  if (options.kind == VisionKind::kDinov2) {
    options.use_swiglu_ffn = reader.flag("use_swiglu_ffn", false);
    if (options.num_register_tokens > 0) options.num_register_tokens = reader.integer("num_register_tokens", options.num_register_tokens);
    options.intermediate_size = dinov2_width(options.hidden_size, reader.number("mlp_ratio", 4), options.use_swiglu_ffn);
  } else {
    options.intermediate_size = reader.integer("intermediate_size", options.intermediate_size);
  }
  options.validate();
  return options;
}

nlohmann::json to_json(const VisionTransformerOptions& options) {
  static constexpr std::array<const char*, 5> kArchitectures = {"ViTModel", "DeiTModel", "Dinov2Model", "CLIPVisionModel",
                                                                "SiglipVisionModel"};
  const bool registers = options.model_type == "dinov2_with_registers";
  nlohmann::json json = {{"architectures", {registers ? "Dinov2WithRegistersModel" : kArchitectures[static_cast<size_t>(options.kind)]}},
                         {"model_type", options.model_type},
                         {"hidden_size", options.hidden_size},
                         {"num_hidden_layers", options.num_hidden_layers},
                         {"num_attention_heads", options.num_attention_heads},
                         {"image_size", options.image_size},
                         {"patch_size", options.patch_size},
                         {"hidden_act", activation_name(options.hidden_act)},
                         {"layer_norm_eps", options.layer_norm_eps},
                         {"initializer_range", options.initializer_range}};
  if (options.kind != VisionKind::kClip && options.kind != VisionKind::kSiglip) json["qkv_bias"] = options.qkv_bias;
  if (options.kind != VisionKind::kDinov2) {
    json["intermediate_size"] = options.intermediate_size;
    return json;
  }
  json["use_swiglu_ffn"] = options.use_swiglu_ffn;
  if (registers) json["num_register_tokens"] = options.num_register_tokens;
  // A gated width is rounded: the ratio that gives it back.
  const double wide = static_cast<double>(options.intermediate_size) * (options.use_swiglu_ffn ? 1.5 : 1.0);
  json["mlp_ratio"] = wide / static_cast<double>(options.hidden_size);
  return json;
}

}  // namespace infig
