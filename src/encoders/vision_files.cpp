// Checkpoints of Vision Transformers: transformers' names, timm's names and architectures.
#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>

#include "core/error.h"
#include "encoders/config_reader.h"
#include "encoders/vision_transformer.h"

namespace infig {
namespace {

// What the published checkpoints carry besides the network: heads, the other side of CLIP and SigLIP, tokens of masked pretraining.
const WeightNames kVisionNames = {.prefixes = {"vit.", "deit.", "dinov2.", "dinov2_with_registers.", "vision_model.", "model.", "module."},
                                  .endings = {},
                                  .other_parts = {"pooler.", "classifier.", "cls_classifier.", "distillation_classifier.", "decoder.",
                                                  "text_model.", "visual_projection.", "text_projection.", "logit_scale", "logit_bias"},
                                  .other_endings = {"embeddings.mask_token", "embeddings.position_ids"}};
const WeightNames kTimmVisionNames = {
    .prefixes = {"module.", "model."}, .endings = {}, .other_parts = {"head.", "head_dist."}, .other_endings = {"mask_token"}};

// What a training script put before the names goes first, so that the log says it; a library's own prefix ("vit.") is taken off later.
TensorMap without_script(const TensorMap& published, bool timm, const std::string& where) {
  if (timm) return without_prefix(published, {"patch_embed.proj.weight"}, where);
  return without_prefix(published, {"embeddings.cls_token", "embeddings.class_embedding", "embeddings.patch_embedding.weight"}, where,
                        {"vit.", "deit.", "dinov2.", "dinov2_with_registers.", "vision_model."});
}

const std::vector<double> kHalf = {0.5, 0.5, 0.5};

const at::Tensor& timm_tensor(const TensorMap& tensors, const std::string& name, int64_t dims, const std::string& where) {
  const auto found = tensors.find(name);
  if (found == tensors.end() || found->second.dim() != dims)
    throw CheckpointError(fmt::format("{}: {} is missing or has not {} dimensions; expected timm's Vision Transformer", where, name, dims));
  return found->second;
}

// The architectures of timm that are one of the networks here; each group's sizes are read from the shapes.
struct TimmVision {
  const char* pattern;
  VisionKind kind;
  const char* model_type;
};
constexpr TimmVision kTimmVision[] = {
    {"vit_(tiny|small|base|large|huge)_patch(8|14|16|32)_(224|384)", VisionKind::kVit, "vit"},
    {"deit_(tiny|small|base)_patch16_(224|384)", VisionKind::kVit, "vit"},
    {"deit_(tiny|small|base)_distilled_patch16_(224|384)", VisionKind::kDeit, "deit"},
    {"vit_(small|base|large)_patch14_dinov2", VisionKind::kDinov2, "dinov2"},
    {"vit_(small|base|large)_patch14_reg4_dinov2", VisionKind::kDinov2, "dinov2_with_registers"},
    {"vit_(medium|base|large|huge)_patch(14|16|32)_clip(_quickgelu)?_(224|256|336|378|384|448)", VisionKind::kClip, "clip_vision_model"},
    {"vit_(base|large|so400m)_patch(14|16|32)_siglip_(224|256|378|384|512)", VisionKind::kSiglip, "siglip_vision_model"}};

const TimmVision* find_timm_vision(const std::string& architecture) {
  if (architecture.size() > 100) return nullptr;
  const auto* found =
      std::ranges::find_if(kTimmVision, [&](const TimmVision& known) { return std::regex_match(architecture, std::regex(known.pattern)); });
  return found == std::end(kTimmVision) ? nullptr : found;
}

int64_t timm_heads(const std::string& architecture) {
  constexpr std::pair<const char*, int64_t> kHeads[] = {{"_tiny", 3},   {"_small", 6}, {"_medium", 8}, {"_base", 12},
                                                        {"_large", 16}, {"_huge", 16}, {"_so400m", 16}};
  for (const auto& [size, heads] : kHeads) {
    if (architecture.find(size) != std::string::npos) return heads;
  }
  return 12;
}

Activation timm_activation(const TimmVision& known, const std::string& architecture) {
  if (architecture.find("_quickgelu") != std::string::npos) return Activation::kQuickGelu;
  const bool tanh = architecture.starts_with("vit_so400m_patch16") || architecture == "vit_large_patch16_siglip_512";
  return known.kind == VisionKind::kSiglip && tanh ? Activation::kGeluTanh : Activation::kGelu;
}

// Arguments that the model was made with: sizes are in the weights, rates of dropout are a choice of the training, others change the net.
void check_timm_arguments(const ConfigReader& arguments, const nlohmann::json& json, VisionKind kind) {
  static const std::set<std::string> kRead = {"num_classes",    "depth",           "in_chans",        "global_pool",    "img_size",
                                              "embed_dim",      "num_heads",       "patch_size",      "reg_tokens",     "mlp_ratio",
                                              "drop_rate",      "pos_drop_rate",   "patch_drop_rate", "proj_drop_rate", "attn_drop_rate",
                                              "drop_path_rate", "dynamic_img_size"};
  for (const auto& [key, value] : json.items()) {
    arguments.require(
        kRead.contains(key) || value.is_null(),
        fmt::format("config.json: model_args.{} is {}; this argument changes the network, which is not supported", key, value.dump()));
  }
  const std::string expected = kind == VisionKind::kSiglip ? "map" : "token", pool = arguments.text("global_pool", expected);
  arguments.require(pool == expected || pool.empty(),
                    fmt::format("config.json: model_args.global_pool is \"{}\"; supported is \"{}\"", pool, expected));
  const int64_t channels = arguments.integer("in_chans", 3);
  arguments.require(channels == 3, fmt::format("config.json: model_args.in_chans is {}; supported is 3", channels));
}

// The picture's side: model_args.img_size, else pretrained_cfg.input_size, else what the positions cover.
int64_t timm_image_size(const nlohmann::json& config, const nlohmann::json& arguments, int64_t covered) {
  const auto side = [](const nlohmann::json& size) -> int64_t {
    const nlohmann::json& last = size.is_array() && !size.empty() ? size.back() : size;
    if (size.is_array() && size.size() > 1 && size[size.size() - 2] != last)
      throw ConfigError(fmt::format("config.json: pictures of {} pixels; supported are squares", size.dump()));
    return last.is_number_integer() ? last.get<int64_t>() : 0;
  };
  if (arguments.contains("img_size")) {
    if (const int64_t stated = side(arguments["img_size"]); stated > 0) return stated;
  }
  const nlohmann::json pretrained = config.value("pretrained_cfg", nlohmann::json::object());
  if (pretrained.is_object() && pretrained.contains("input_size")) {
    if (const int64_t stated = side(pretrained["input_size"]); stated > 0) return stated;
  }
  return covered;
}

struct TimmName {
  const char *timm, *vit, *clip, *dinov2;
};
constexpr TimmName kTimmLayer[] = {
    {"norm1.", "layernorm_before.", "layer_norm1.", "norm1."},
    {"norm2.", "layernorm_after.", "layer_norm2.", "norm2."},
    {"attn.proj.", "attention.output.dense.", "self_attn.out_proj.", "attention.output.dense."},
    {"mlp.fc1.", "intermediate.dense.", "mlp.fc1.", "mlp.fc1."},
    {"mlp.fc2.", "output.dense.", "mlp.fc2.", "mlp.fc2."},
    {"ls1.gamma", "", "", "layer_scale1.lambda1"},
    {"ls2.gamma", "", "", "layer_scale2.lambda1"},
};
constexpr TimmName kTimmRest[] = {
    {"patch_embed.proj.", "embeddings.patch_embeddings.projection.", "embeddings.patch_embedding.",
     "embeddings.patch_embeddings.projection."},
    {"dist_token", "embeddings.distillation_token", "", ""},
    {"reg_token", "", "", "embeddings.register_tokens"},
    {"norm_pre.", "", "pre_layrnorm.", ""},
    {"norm.", "layernorm.", "post_layernorm.", "layernorm."},
    {"attn_pool.latent", "", "head.probe", ""},
    {"attn_pool.proj.", "", "head.attention.out_proj.", ""},
    {"attn_pool.norm.", "", "head.layernorm.", ""},
    {"attn_pool.mlp.", "", "head.mlp.", ""},
};

std::string renamed(const TimmName& name, VisionKind kind) {
  if (kind == VisionKind::kDinov2) return name.dinov2;
  return kind == VisionKind::kClip || kind == VisionKind::kSiglip ? name.clip : name.vit;
}

// One block's tensor; an unknown one keeps its name: strict loading names it.
void take_timm_block(const std::string& key, const at::Tensor& tensor, VisionKind kind, TensorMap& out) {
  constexpr std::string_view kBlocks = "blocks.";
  const bool clip = kind == VisionKind::kClip || kind == VisionKind::kSiglip;
  const size_t dot = key.find('.', kBlocks.size());
  if (dot == std::string::npos) {
    out[key] = tensor;
    return;
  }
  const std::string number = key.substr(kBlocks.size(), dot - kBlocks.size()), part = key.substr(dot + 1);
  const std::string layer = fmt::format("encoder.{}.{}.", clip ? "layers" : "layer", number);
  if (part.starts_with("attn.qkv.") && tensor.dim() >= 1 && tensor.size(0) % 3 == 0) {
    const std::vector<at::Tensor> thirds = tensor.chunk(3, 0);
    const char* names[] = {clip ? "self_attn.q_proj." : "attention.attention.query.",
                           clip ? "self_attn.k_proj." : "attention.attention.key.",
                           clip ? "self_attn.v_proj." : "attention.attention.value."};
    for (size_t i = 0; i < 3; ++i) out[layer + names[i] + part.substr(9)] = thirds[i];
    return;
  }
  for (const TimmName& name : kTimmLayer) {
    if (!part.starts_with(name.timm) || renamed(name, kind).empty()) continue;
    out[layer + renamed(name, kind) + part.substr(std::string_view(name.timm).size())] = tensor;
    return;
  }
  out[key] = tensor;
}

}  // namespace

ImageOptions vision_pixels(const VisionTransformerOptions& options) {
  ImageOptions pixels = {.size = options.image_size, .resize = options.image_size, .filter = Filter::kBicubic, .augment = Augment::kNone};
  if (options.kind == VisionKind::kVit) pixels.filter = Filter::kBilinear;
  if (options.kind == VisionKind::kVit || options.kind == VisionKind::kSiglip) pixels.mean = pixels.std = kHalf;
  if (options.kind == VisionKind::kDeit) pixels.resize = options.image_size * 256 / 224;
  if (options.kind == VisionKind::kDinov2) pixels.size = 224, pixels.resize = 256;
  if (options.kind == VisionKind::kClip) {
    pixels.mean = {0.48145466, 0.4578275, 0.40821073};
    pixels.std = {0.26862954, 0.26130258, 0.27577711};
  }
  return pixels;
}

bool is_timm_vision(const std::string& architecture) {
  return architecture.starts_with("vit_") || architecture.starts_with("deit_") || architecture.starts_with("deit3_");
}

VisionTransformerOptions vision_options_from_timm(const nlohmann::json& config, const TensorMap& tensors, const std::string& where) {
  const ConfigReader reader(config, "timm");
  const std::string architecture = reader.text("architecture", "");
  const TimmVision* known = find_timm_vision(architecture);
  reader.require(
      known != nullptr,
      fmt::format("config.json: architecture is \"{}\", which is no Vision Transformer known here; supported are vit_*_patchN_SIZE, "
                  "deit_*, vit_*_dinov2 (giant ones not), vit_*_clip_* and vit_*_siglip_* with their own heads",
                  architecture));
  const nlohmann::json arguments = config.value("model_args", nlohmann::json::object());
  const ConfigReader model_args(arguments, "timm: " + architecture);
  check_timm_arguments(model_args, arguments, known->kind);
  const at::Tensor& patch = timm_tensor(tensors, "patch_embed.proj.weight", 4, where);
  const at::Tensor& positions = timm_tensor(tensors, "pos_embed", 3, where);
  const at::Tensor& fc1 = timm_tensor(tensors, "blocks.0.mlp.fc1.weight", 2, where);
  VisionTransformerOptions options = {.kind = known->kind, .model_type = known->model_type, .hidden_size = patch.size(0)};
  options.num_hidden_layers = 0;
  while (tensors.contains(fmt::format("blocks.{}.norm1.weight", options.num_hidden_layers))) ++options.num_hidden_layers;
  options.num_attention_heads = model_args.integer("num_heads", timm_heads(architecture));
  options.intermediate_size = fc1.size(0);
  options.patch_size = patch.size(2);
  options.hidden_act = timm_activation(*known, architecture);
  options.layer_norm_eps = known->kind == VisionKind::kClip ? 1e-5 : 1e-6;
  options.qkv_bias = tensors.contains("blocks.0.attn.qkv.bias");
  if (const auto registers = tensors.find("reg_token"); registers != tensors.end() && registers->second.dim() == 3)
    options.num_register_tokens = registers->second.size(1);
  // With registers timm's positions are of the patches alone: the CLS has taken its own in.
  const int64_t others = options.num_register_tokens > 0 ? 0 : options.extra_tokens(), cells = positions.size(1) - others;
  int64_t side = 1;
  while (side * side < cells) ++side;
  options.image_size = timm_image_size(config, arguments, side * options.patch_size);
  options.validate();
  if (side * side != cells || options.grid() != side) {
    throw CheckpointError(fmt::format("{}: pos_embed has {} positions, expected {} for pictures of {} pixels in patches of {}", where,
                                      positions.size(1), options.grid() * options.grid() + others, options.image_size, options.patch_size));
  }
  return options;
}

TensorMap vision_from_timm(const TensorMap& tensors, const VisionTransformerOptions& options) {
  TensorMap out;
  const bool clip = options.kind == VisionKind::kClip || options.kind == VisionKind::kSiglip;
  const auto joined = [&](const char* query, const char* both) { return at::cat({tensors.at(query), tensors.at(both)}, 0); };
  for (const auto& [key, tensor] : tensors) {
    if (key.starts_with("blocks.")) {
      take_timm_block(key, tensor, options.kind, out);
    } else if (key == "cls_token") {
      out[clip ? "embeddings.class_embedding" : "embeddings.cls_token"] = clip ? tensor.flatten() : tensor;
    } else if (key == "pos_embed") {
      at::Tensor table = tensor;
      if (options.num_register_tokens > 0 && tensor.dim() == 3) table = at::constant_pad_nd(tensor, {0, 0, 1, 0});  // the CLS has its own
      out[clip ? "embeddings.position_embedding.weight" : "embeddings.position_embeddings"] = clip ? table.flatten(0, 1) : table;
    } else if (key.starts_with("attn_pool.q.") && tensors.contains("attn_pool.kv." + key.substr(12))) {
      out["head.attention.in_proj_" + key.substr(12)] = joined(key.c_str(), ("attn_pool.kv." + key.substr(12)).c_str());
    } else if (!key.starts_with("attn_pool.kv.")) {
      const auto* name = std::ranges::find_if(
          kTimmRest, [&](const TimmName& one) { return key.starts_with(one.timm) && !renamed(one, options.kind).empty(); });
      out[name == std::end(kTimmRest) ? key : renamed(*name, options.kind) + key.substr(std::string_view(name->timm).size())] = tensor;
    }
  }
  return out;
}

PublishedBackbone load_vision_transformer(const TensorMap& published, const nlohmann::json& config, const std::string& where) {
  const bool timm = config.contains("architecture");
  TensorMap tensors = rename_weights(without_script(published, timm, where), timm ? kTimmVisionNames : kVisionNames, where);
  const VisionTransformerOptions options =
      of_config_in(where, [&] { return timm ? vision_options_from_timm(config, tensors, where) : vision_options_from_json(config); });
  if (timm) tensors = vision_from_timm(tensors, options);
  const auto backbone = std::make_shared<VisionTransformerImpl>(options);
  load_published(*backbone, tensors, WeightNames{}, where);
  const std::string name =
      timm ? config["architecture"].get<std::string>()
           : fmt::format("{} of {} layers, {} wide", options.model_type, options.num_hidden_layers, options.hidden_size);
  return {.backbone = backbone, .pixels = vision_pixels(options), .name = name};
}

}  // namespace infig
