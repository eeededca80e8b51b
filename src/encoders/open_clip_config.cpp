#include "encoders/open_clip_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <span>

#include "core/error.h"
#include "core/files.h"
#include "core/json.h"
#include "image/pixel_config.h"
#include "image/preprocessor.h"

namespace infig {
namespace {

using Json = nlohmann::json;

// Keys that change nothing about embeddings of a model that is not trained; null, false, {} and [] state nothing anywhere.
constexpr std::array<std::string_view, 4> kTopRead = {"embed_dim", "quick_gelu", "vision_cfg", "text_cfg"};
constexpr std::array<std::string_view, 6> kTopIdle = {"init_logit_scale", "init_logit_bias", "nonscalar_logit_scale",
                                                      "output_dict",      "custom_text",     "cast_dtype"};
constexpr std::array<std::string_view, 12> kVisionRead = {"layers",     "width",          "head_width", "mlp_ratio", "patch_size",
                                                          "image_size", "pos_embed_type", "no_ln_pre",  "pool_type", "final_ln_after_pool",
                                                          "act_kwargs", "norm_kwargs"};
constexpr std::array<std::string_view, 9> kVisionIdle = {"patch_dropout", "output_tokens", "attn_pooler_queries", "attn_pooler_heads",
                                                         "timm_pool",     "timm_proj",     "timm_drop",           "timm_model_pretrained",
                                                         "block_type"};
constexpr std::array<std::string_view, 12> kTextRead = {"context_length", "vocab_size", "width",       "heads",
                                                        "layers",         "mlp_ratio",  "eos_id",      "pool_type",
                                                        "proj_type",      "act_kwargs", "norm_kwargs", "final_ln_after_pool"};
constexpr std::array<std::string_view, 6> kTextIdle = {"pad_id",         "output_tokens",       "hf_proj_type",
                                                       "hf_pooler_type", "hf_model_pretrained", "block_type"};

const Json& section_of(const Json& top, const char* key) {
  static const Json kEmpty = Json::object();
  const auto found = top.find(key);
  return found == top.end() || found->is_null() ? kEmpty : *found;
}

// A size that the file states must be the weights' own.
void expect_size(const PixelConfig& config, const char* key, int64_t found) {
  if (config.has(key) && config.square(key, found) != found) config.refuse(key, fmt::format("{}, as the weights have it", found));
}

// Each tower's own activation: quick_gelu where the model says so, else GELU; act_kwargs {"approximate": "tanh"} is GELU's tanh form.
Activation activation_of(const PixelConfig& config, const Json& section, bool quick) {
  const Json& how = section_of(section, "act_kwargs");
  if (!how.is_object() || how.empty()) return quick ? Activation::kQuickGelu : Activation::kGelu;
  const bool approximate = how.size() == 1 && how.contains("approximate") && how["approximate"].is_string();
  const std::string form = approximate ? how["approximate"].get<std::string>() : "";
  if (quick || (form != "tanh" && form != "none")) config.refuse("act_kwargs", R"({"approximate": "tanh"} or "none", without quick_gelu)");
  return form == "tanh" ? Activation::kGeluTanh : Activation::kGelu;
}

double norm_eps_of(const PixelConfig& config, const Json& section, double usual) {
  const Json& how = section_of(section, "norm_kwargs");
  if (!how.is_object() || how.empty()) return usual;
  if (how.size() != 1 || !how.contains("eps") || !how["eps"].is_number() || !(how["eps"].get<double>() > 0))
    config.refuse("norm_kwargs", R"({"eps": a number > 0})");
  return how["eps"].get<double>();
}

void expect_mlp(const PixelConfig& config, const ClipTowerOptions& tower) {
  const double ratio = config.number("mlp_ratio", 4.0);
  const auto wide = static_cast<int64_t>(static_cast<double>(tower.hidden_size) * ratio);
  if (config.has("mlp_ratio") && wide != tower.intermediate_size)
    config.refuse("mlp_ratio", fmt::format("{} / {}, as the weights have it", tower.intermediate_size, tower.hidden_size));
}

void read_vision(const PixelConfig& config, const Json& section, bool quick, ClipOptions& options) {
  config.check_keys(kVisionRead, kVisionIdle);
  ClipTowerOptions& tower = options.vision;
  expect_size(config, "layers", tower.num_hidden_layers);
  expect_size(config, "width", tower.hidden_size);
  expect_size(config, "patch_size", options.patch_size);
  expect_size(config, "image_size", options.image_size);
  expect_mlp(config, tower);
  const int64_t head = config.square("head_width", std::min<int64_t>(64, tower.hidden_size));
  if (head < 1 || head > tower.hidden_size) config.refuse("head_width", fmt::format("1 .. width = {}", tower.hidden_size));
  tower.num_attention_heads = tower.hidden_size / head;
  tower.hidden_act = activation_of(config, section, quick);
  tower.layer_norm_eps = norm_eps_of(config, section, tower.layer_norm_eps);
  const std::string positions = config.text("pos_embed_type", "learnable");  // the other's table is among the weights, too
  if (positions != "learnable" && positions != "sin_cos_2d") config.refuse("pos_embed_type", "learnable or sin_cos_2d");
  const std::string pool = config.text("pool_type", "tok");
  if (pool != "tok" && pool != "avg") config.refuse("pool_type", "tok or avg");
  options.mean_pool = pool == "avg";
  options.norm_after_pool = config.flag("final_ln_after_pool", false);
  options.pre_norm = !config.flag("no_ln_pre", false);
}

void read_text(const PixelConfig& config, const Json& section, bool quick, ClipOptions& options) {
  config.check_keys(kTextRead, kTextIdle);
  ClipTowerOptions& tower = options.text;
  expect_size(config, "layers", tower.num_hidden_layers);
  expect_size(config, "width", tower.hidden_size);
  expect_size(config, "context_length", options.max_position_embeddings);
  expect_size(config, "vocab_size", options.vocab_size);
  expect_mlp(config, tower);
  if (!section.empty()) tower.num_attention_heads = config.square("heads", 8);
  tower.hidden_act = activation_of(config, section, quick);
  tower.layer_norm_eps = norm_eps_of(config, section, tower.layer_norm_eps);
  if (config.text("proj_type", "linear") != "linear") config.refuse("proj_type", "linear");
  // first and last would be taken at other places than the end, and need texts of one length.
  const std::string pool = config.text("pool_type", "argmax");
  if (pool != "argmax" && pool != "eos") config.refuse("pool_type", "argmax or eos");
  if (pool == "eos") options.eos_token_id = config.square("eos_id", 2);
}

}  // namespace

ImageOptions read_open_clip_config(const std::filesystem::path& file, ClipOptions& options) {
  const std::string where = file.string(), text = read_file(file);
  const Json config = parse_foreign_json(text);
  if (config.is_discarded()) throw CheckpointError(fmt::format("{}: not JSON: {}", where, foreign_json_fault(text)));
  if (!config.is_object() || !config.contains("model_cfg") || !config["model_cfg"].is_object())
    throw CheckpointError(fmt::format("{}: expected an object with model_cfg", where));
  constexpr std::array<std::string_view, 2> kParts = {"model_cfg", "preprocess_cfg"};
  PixelConfig(config, where).check_keys(kParts, {});
  const Json& model = config["model_cfg"];
  const PixelConfig top(model, where + ": model_cfg");
  top.check_keys(kTopRead, kTopIdle);
  expect_size(top, "embed_dim", options.projection_dim);
  const bool quick = top.flag("quick_gelu", false);
  const Json &vision = section_of(model, "vision_cfg"), &words = section_of(model, "text_cfg");
  read_vision(PixelConfig(vision, top.where() + ": vision_cfg"), vision, quick, options);
  read_text(PixelConfig(words, top.where() + ": text_cfg"), words, quick, options);
  try {
    options.validate();
  } catch (const ConfigError& error) {
    throw CheckpointError(fmt::format("{}: {}", where, error.what()));
  }
  ImageOptions own = clip_pixels(options);
  own.crop_rounding = CropRounding::kEven;
  return open_clip_pixels(section_of(config, "preprocess_cfg"), own, where + ": preprocess_cfg");
}

}  // namespace infig
