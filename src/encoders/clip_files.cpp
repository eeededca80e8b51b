// CLIP's config.json, the names of OpenAI and open_clip, and loading.
#include <ATen/ATen.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "archive/weight_archive.h"
#include "core/error.h"
#include "encoders/clip.h"
#include "encoders/config_reader.h"
#include "encoders/open_clip_config.h"
#include "encoders/text_encoder.h"
#include "image/preprocessor.h"

namespace infig {
namespace {

// Other entries of CLIP checkpoints, besides the two towers.
const WeightNames kClipNames = {
    .prefixes = {"clip."}, .endings = {}, .other_parts = {"logit_scale", "logit_bias"}, .other_endings = {"embeddings.position_ids"}};
const WeightNames kOpenAiNames = {
    .prefixes = {},
    .endings = {},
    .other_parts = {"logit_scale", "logit_bias", "input_resolution", "context_length", "vocab_size", "attn_mask"},
    .other_endings = {}};

ClipTowerOptions read_tower(const ConfigReader& reader, ClipTowerOptions fallback) {
  return {.hidden_size = reader.integer("hidden_size", fallback.hidden_size),
          .intermediate_size = reader.integer("intermediate_size", fallback.intermediate_size),
          .num_hidden_layers = reader.integer("num_hidden_layers", fallback.num_hidden_layers),
          .num_attention_heads = reader.integer("num_attention_heads", fallback.num_attention_heads),
          .hidden_act = reader.activation("hidden_act", "quick_gelu"),
          .layer_norm_eps = reader.number("layer_norm_eps", fallback.layer_norm_eps)};
}

// text_config, overridden by text_config_dict, which old configs have: in transformers it takes precedence.
nlohmann::json merged_section(const nlohmann::json& json, const std::string& key) {
  nlohmann::json section = nlohmann::json::object();
  for (const std::string& name : {key, key + "_dict"}) {
    if (!json.contains(name) || json[name].is_null()) continue;
    if (!json[name].is_object()) throw ConfigError(fmt::format("CLIP: config.json: {} is {}; expected an object", name, json[name].dump()));
    section.update(json[name]);
  }
  return section;
}

nlohmann::json tower_json(const ClipTowerOptions& tower) {
  return {{"hidden_size", tower.hidden_size},
          {"intermediate_size", tower.intermediate_size},
          {"num_hidden_layers", tower.num_hidden_layers},
          {"num_attention_heads", tower.num_attention_heads},
          {"hidden_act", activation_name(tower.hidden_act)},
          {"layer_norm_eps", tower.layer_norm_eps}};
}

const at::Tensor& shaped(const TensorMap& tensors, const std::string& name, int64_t dims, const std::string& where) {
  const auto found = tensors.find(name);
  if (found == tensors.end() || found->second.dim() != dims) {
    throw CheckpointError(
        fmt::format("{}: {} is missing or has not {} dimensions; expected a CLIP with a Vision Transformer", where, name, dims));
  }
  return found->second;
}

ClipTowerOptions tower_from_shapes(const TensorMap& tensors, const std::string& prefix, Activation activation, const std::string& where) {
  const at::Tensor& fc = shaped(tensors, prefix + "transformer.resblocks.0.mlp.c_fc.weight", 2, where);
  ClipTowerOptions tower = {.hidden_size = fc.size(1),
                            .intermediate_size = fc.size(0),
                            .num_hidden_layers = 0,
                            .num_attention_heads = std::max<int64_t>(1, fc.size(1) / 64),
                            .hidden_act = activation};
  while (tensors.contains(fmt::format("{}transformer.resblocks.{}.ln_1.weight", prefix, tower.num_hidden_layers)))
    ++tower.num_hidden_layers;
  return tower;
}

void take_block(const std::string& key, const std::string& from, const std::string& to, const at::Tensor& tensor, TensorMap& out) {
  const size_t dot = key.find('.', from.size());
  const std::string layer = to + key.substr(from.size(), dot - from.size()) + ".", part = key.substr(dot + 1);
  static const std::vector<std::pair<std::string, std::string>> kParts = {{"ln_1.", "layer_norm1."},
                                                                          {"ln_2.", "layer_norm2."},
                                                                          {"attn.out_proj.", "self_attn.out_proj."},
                                                                          {"mlp.c_fc.", "mlp.fc1."},
                                                                          {"mlp.c_proj.", "mlp.fc2."}};
  if (part.starts_with("attn.in_proj_") && tensor.dim() >= 1 && tensor.size(0) % 3 == 0) {
    const std::vector<at::Tensor> thirds = tensor.chunk(3, 0);
    const char* names[] = {"q", "k", "v"};
    for (size_t i = 0; i < 3; ++i) out[fmt::format("{}self_attn.{}_proj.{}", layer, names[i], part.substr(13))] = thirds[i];
    return;
  }
  for (const auto& [theirs, ours] : kParts) {
    if (part.starts_with(theirs)) {
      out[layer + ours + part.substr(theirs.size())] = tensor;
      return;
    }
  }
  out[key] = tensor;  // unknown: strict loading names it
}

std::string openai_name(const std::string& key) {
  static const std::vector<std::pair<std::string, std::string>> kNames = {
      {"visual.class_embedding", "vision_model.embeddings.class_embedding"},
      {"visual.conv1.weight", "vision_model.embeddings.patch_embedding.weight"},
      {"visual.positional_embedding", "vision_model.embeddings.position_embedding.weight"},
      {"visual.ln_pre.", "vision_model.pre_layrnorm."},
      {"visual.ln_post.", "vision_model.post_layernorm."},
      {"token_embedding.weight", "text_model.embeddings.token_embedding.weight"},
      {"positional_embedding", "text_model.embeddings.position_embedding.weight"},
      {"ln_final.", "text_model.final_layer_norm."}};
  for (const auto& [theirs, ours] : kNames) {
    if (key.starts_with(theirs)) return ours + key.substr(theirs.size());
  }
  return key;
}

}  // namespace

void ClipOptions::validate() const {
  const auto require = [](bool allowed, const std::string& what) {
    if (!allowed) throw ConfigError("CLIP: " + what);
  };
  for (const auto& [name, tower] : {std::pair("vision_config", vision), std::pair("text_config", text)}) {
    const TransformerLayerOptions layer = {.hidden_size = tower.hidden_size,
                                           .num_attention_heads = tower.num_attention_heads,
                                           .intermediate_size = tower.intermediate_size,
                                           .layer_norm_eps = tower.layer_norm_eps};
    try {
      layer.validate();
    } catch (const ConfigError& error) {
      throw ConfigError(fmt::format("CLIP: {}: {}", name, error.what()));
    }
    require(tower.num_hidden_layers > 0, fmt::format("{}: num_hidden_layers is {}; allowed is >= 1", name, tower.num_hidden_layers));
  }
  require(projection_dim > 0, fmt::format("projection_dim is {}; allowed is >= 1", projection_dim));
  require(patch_size > 0, fmt::format("patch_size is {}; allowed is >= 1", patch_size));
  require(image_size > 0 && image_size % patch_size == 0,
          fmt::format("image_size is {}; allowed is a multiple of patch_size = {}", image_size, patch_size));
  require(vocab_size > 0, fmt::format("vocab_size is {}; allowed is >= 1", vocab_size));
  require(max_position_embeddings > 0, fmt::format("max_position_embeddings is {}; allowed is >= 1", max_position_embeddings));
}

ClipOptions clip_options_from_json(const nlohmann::json& json) {
  const ConfigReader top(json, "CLIP");
  const std::string type = top.text("model_type", "clip");
  top.require(type == "clip", fmt::format("config.json: model_type is \"{}\"; expected \"clip\"", type));
  const nlohmann::json text_json = merged_section(json, "text_config"), vision_json = merged_section(json, "vision_config");
  const ConfigReader text(text_json, "CLIP: text_config"), vision(vision_json, "CLIP: vision_config");
  vision.require(vision.integer("num_channels", 3) == 3, "config.json: num_channels is not 3");
  ClipOptions options;
  options.vision = read_tower(vision, options.vision);
  options.text = read_tower(text, options.text);
  options.projection_dim = top.integer("projection_dim", 512);
  options.image_size = vision.integer("image_size", 224);
  options.patch_size = vision.integer("patch_size", 32);
  options.vocab_size = text.integer("vocab_size", 49408);
  options.max_position_embeddings = text.integer("max_position_embeddings", 77);
  options.eos_token_id = text.integer("eos_token_id", 49407);
  options.validate();
  return options;
}

nlohmann::json to_json(const ClipOptions& options) {
  nlohmann::json vision = tower_json(options.vision), text = tower_json(options.text);
  vision["model_type"] = "clip_vision_model";
  vision["image_size"] = options.image_size;
  vision["patch_size"] = options.patch_size;
  vision["projection_dim"] = text["projection_dim"] = options.projection_dim;
  text["model_type"] = "clip_text_model";
  text["vocab_size"] = options.vocab_size;
  text["max_position_embeddings"] = options.max_position_embeddings;
  text["eos_token_id"] = options.eos_token_id;
  nlohmann::json config = {{"architectures", {"CLIPModel"}},
                           {"model_type", "clip"},
                           {"projection_dim", options.projection_dim},
                           {"text_config", text},
                           {"vision_config", vision}};
  if (!options.pre_norm || options.mean_pool) {  // what transformers' CLIP has no words for
    config["open_clip"] = {{"pre_norm", options.pre_norm}, {"mean_pool", options.mean_pool}, {"norm_after_pool", options.norm_after_pool}};
  }
  return config;
}

bool has_openai_names(const TensorMap& tensors) { return tensors.contains("visual.conv1.weight"); }

ClipOptions clip_options_from_openai(const TensorMap& tensors, Activation activation, const std::string& where) {
  ClipOptions options;
  options.vision = tower_from_shapes(tensors, "visual.", activation, where);
  options.text = tower_from_shapes(tensors, "", activation, where);
  options.projection_dim = shaped(tensors, "text_projection", 2, where).size(1);
  options.patch_size = shaped(tensors, "visual.conv1.weight", 4, where).size(2);
  const int64_t cells = shaped(tensors, "visual.positional_embedding", 2, where).size(0) - 1;
  int64_t side = 1;
  while (side * side < cells) ++side;
  options.image_size = side * options.patch_size;
  options.vocab_size = shaped(tensors, "token_embedding.weight", 2, where).size(0);
  options.max_position_embeddings = shaped(tensors, "positional_embedding", 2, where).size(0);
  options.eos_token_id = 2;  // the largest id, as the original code takes it
  options.validate();
  return options;
}

TensorMap clip_from_openai(const TensorMap& tensors) {
  TensorMap out;
  for (const auto& [key, tensor] : tensors) {
    if (key.starts_with("visual.transformer.resblocks.")) {
      take_block(key, "visual.transformer.resblocks.", "vision_model.encoder.layers.", tensor, out);
    } else if (key.starts_with("transformer.resblocks.")) {
      take_block(key, "transformer.resblocks.", "text_model.encoder.layers.", tensor, out);
    } else if (key == "visual.proj" || key == "text_projection") {
      out[key == "visual.proj" ? "visual_projection.weight" : "text_projection.weight"] = tensor.dim() == 2 ? tensor.t() : tensor;
    } else {
      out[openai_name(key)] = tensor;
    }
  }
  return out;
}

ClipOptions clip_options(ClipVariant variant) {
  ClipOptions options;  // ViT-B/32
  if (variant == ClipVariant::kVitB16) options.patch_size = 16;
  if (variant == ClipVariant::kVitL14) {
    options.patch_size = 14;
    options.projection_dim = 768;
    options.vision = {.hidden_size = 1024, .intermediate_size = 4096, .num_hidden_layers = 24, .num_attention_heads = 16};
    options.text = {.hidden_size = 768, .intermediate_size = 3072, .num_hidden_layers = 12, .num_attention_heads = 12};
  }
  return options;
}

void check_variant(const ClipOptions& options, ClipVariant variant, const std::string& where) {
  if (variant == ClipVariant::kAny) return;
  const auto describe = [](const ClipOptions& o) {
    return fmt::format("{} layers {} wide, patches of {} pixels, embeddings of {}", o.vision.num_hidden_layers, o.vision.hidden_size,
                       o.patch_size, o.projection_dim);
  };
  const std::string found = describe(options), expected = describe(clip_options(variant));
  if (found != expected) throw ConfigError(fmt::format("{}: holds a CLIP of {}, expected {}", where, found, expected));
}

namespace {

struct ClipFiles {
  ClipOptions options;
  TensorMap tensors;  // under transformers' names
  ImageOptions pixels;
};

// open_clip's CustomTextCLIP has its text tower under "text.".
TensorMap without_text_scope(const TensorMap& tensors) {
  constexpr std::string_view kScope = "text.";
  if (!tensors.contains("text.token_embedding.weight")) return tensors;
  TensorMap plain;
  for (const auto& [name, tensor] : tensors) plain.emplace(name.starts_with(kScope) ? name.substr(kScope.size()) : name, tensor);
  return plain;
}

ClipFiles read_clip_files(const std::filesystem::path& path, const std::filesystem::path& folder) {
  const std::string where = weights_file(path).string();
  TensorMap tensors = without_prefix(load_tensors(path), {"visual.conv1.weight", "vision_model.embeddings.class_embedding"}, where);
  if (!has_openai_names(tensors)) {
    ClipFiles files = {.options = of_config_in(folder, [&] { return clip_options_from_json(read_model_config(folder)); }),
                       .tensors = std::move(tensors),
                       .pixels = {}};
    files.pixels = read_preprocessor(folder, clip_pixels(files.options));
    return files;
  }
  tensors = without_text_scope(rename_weights(tensors, kOpenAiNames, where));
  const std::filesystem::path config = folder / "open_clip_config.json";
  ClipFiles files = {.options = clip_options_from_openai(tensors, Activation::kQuickGelu, where), .tensors = {}, .pixels = {}};
  if (std::filesystem::exists(config)) {
    files.pixels = read_open_clip_config(config, files.options);
  } else {
    ImageOptions own = clip_pixels(files.options);
    own.crop_rounding = CropRounding::kEven;
    files.pixels = read_preprocessor(folder, own);
  }
  files.tensors = clip_from_openai(tensors);
  return files;
}

}  // namespace

std::filesystem::path folder_of_clip(const std::filesystem::path& path) {
  return std::filesystem::is_directory(path) ? path : path.parent_path();
}

ImageOptions clip_pixels(const ClipOptions& options) {
  return {.size = options.image_size,
          .resize = options.image_size,
          .filter = Filter::kBicubic,
          .augment = Augment::kNone,
          .mean = {0.48145466, 0.4578275, 0.40821073},
          .std = {0.26862954, 0.26130258, 0.27577711}};
}

ClipOptions read_clip_options(const std::filesystem::path& path) { return read_clip_files(path, folder_of_clip(path)).options; }

PublishedClip load_clip(const std::filesystem::path& path) {
  const std::filesystem::path folder = folder_of_clip(path);
  const ClipFiles files = read_clip_files(path, folder);
  const ClipOptions& options = files.options;
  PublishedClip published;
  published.model = ClipModel(options);
  load_published(*published.model, files.tensors, kClipNames, weights_file(path).string());
  for (auto& parameter : published.model->parameters()) parameter.set_requires_grad(false);
  published.pixels = files.pixels;
  return published;
}

}  // namespace infig
