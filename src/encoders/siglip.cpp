#include "encoders/siglip.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "archive/weight_archive.h"
#include "core/error.h"
#include "encoders/config_reader.h"
#include "encoders/text_encoder.h"
#include "encoders/vision_transformer.h"
#include "image/preprocessor.h"
#include "nn/initialize.h"
#include "nn/linear.h"
#include "nn/transformer.h"

namespace infig {
namespace {

const WeightNames kSiglipNames = {
    .prefixes = {"siglip."}, .endings = {}, .other_parts = {"logit_scale", "logit_bias"}, .other_endings = {"embeddings.position_ids"}};

PreNormLayerOptions siglip_text_layer(const SiglipTextOptions& text) {
  return {.hidden_size = text.hidden_size,
          .num_attention_heads = text.num_attention_heads,
          .intermediate_size = text.intermediate_size,
          .hidden_act = text.hidden_act,
          .layer_norm_eps = text.layer_norm_eps,
          .names = clip_layer_names()};
}

SiglipTextOptions read_siglip_text(const ConfigReader& reader) {
  SiglipTextOptions text;
  text.vocab_size = reader.integer("vocab_size", text.vocab_size);
  text.hidden_size = reader.integer("hidden_size", text.hidden_size);
  text.intermediate_size = reader.integer("intermediate_size", text.intermediate_size);
  text.num_hidden_layers = reader.integer("num_hidden_layers", text.num_hidden_layers);
  text.num_attention_heads = reader.integer("num_attention_heads", text.num_attention_heads);
  text.max_position_embeddings = reader.integer("max_position_embeddings", text.max_position_embeddings);
  text.hidden_act = reader.activation("hidden_act", activation_name(text.hidden_act));
  text.layer_norm_eps = reader.number("layer_norm_eps", text.layer_norm_eps);
  text.projection_size = reader.integer("projection_size", text.hidden_size);
  return text;
}

}  // namespace

void SiglipOptions::validate() const {
  vision.validate();
  const auto within = [](const char* key, int64_t value, int64_t high) {
    if (value < 1 || value > high) throw ConfigError(fmt::format("SigLIP: text_config: {} is {}; allowed is 1 .. {}", key, value, high));
  };
  within("vocab_size", text.vocab_size, int64_t{1} << 24);
  within("hidden_size", text.hidden_size, 1 << 16);
  within("intermediate_size", text.intermediate_size, 1 << 20);
  within("num_hidden_layers", text.num_hidden_layers, 4096);
  within("max_position_embeddings", text.max_position_embeddings, 1 << 16);
  within("projection_size", text.projection_size, 1 << 16);
  try {
    siglip_text_layer(text).validate();
  } catch (const ConfigError& error) {
    throw ConfigError(fmt::format("SigLIP: text_config: {}", error.what()));
  }
  if (text.projection_size != vision.hidden_size) {
    throw ConfigError(fmt::format("SigLIP: text_config: projection_size is {}; expected hidden_size of vision_config, {}",
                                  text.projection_size, vision.hidden_size));
  }
}

SiglipOptions siglip_options_from_json(const nlohmann::json& json) {
  const ConfigReader top(json, "SigLIP");
  const std::string type = top.text("model_type", "");
  top.require(type == "siglip", fmt::format("config.json: model_type is \"{}\"; expected \"siglip\"", type));
  refuse_quantized(top);
  const nlohmann::json section = json.value("text_config", nlohmann::json::object());
  SiglipOptions options = {.text = read_siglip_text(ConfigReader(section, "SigLIP: text_config")),
                           .vision = vision_options_from_json(json)};
  options.validate();
  return options;
}

SiglipModelImpl::SiglipModelImpl(const SiglipOptions& options) : options_((options.validate(), options)) {
  const SiglipTextOptions& text = options.text;
  const auto part = add_scope(*this, "text_model");
  const auto table = [&](const char* name, int64_t rows) {
    const PartPlace place = place_of(*part, name);
    return place.parent->register_parameter(place.name, at::zeros({rows, text.hidden_size}));
  };
  token_embedding_ = table("embeddings.token_embedding.weight", text.vocab_size);
  positions_ = table("embeddings.position_embedding.weight", text.max_position_embeddings);
  for (int64_t n = 0; n < text.num_hidden_layers; ++n)
    text_layers_.push_back(register_at(*part, fmt::format("encoder.layers.{}", n), PreNormLayer(siglip_text_layer(text))));
  final_norm_ = part->register_module("final_layer_norm",
                                      torch::nn::LayerNorm(torch::nn::LayerNormOptions({text.hidden_size}).eps(text.layer_norm_eps)));
  head_ = part->register_module("head", linear(text.hidden_size, text.projection_size));
  vision_ = register_module("vision_model", std::make_shared<VisionTransformerImpl>(options.vision));
}

std::string SiglipModelImpl::settings() const {
  const SiglipTextOptions& text = options_.text;
  return fmt::format("siglip {} {} heads eps {} {}", activation_name(text.hidden_act), text.num_attention_heads, text.layer_norm_eps,
                     to_json(options_.vision).dump());
}

void SiglipModelImpl::initialize(uint64_t seed) { initialize_transformer(*this, 0.02, seed); }

at::Tensor SiglipModelImpl::image_embeds(const at::Tensor& pixel_values) { return vision_->pooled(vision_->features(pixel_values, false)); }

at::Tensor SiglipModelImpl::text_embeds(const at::Tensor& input_ids) {
  if (input_ids.dim() != 2 || input_ids.scalar_type() != at::kLong || input_ids.size(1) != max_length()) {
    throw ShapeError(fmt::format("SigLIP: expected input_ids [B, {}] int64, padded to that length, found [{}] {}", max_length(),
                                 fmt::join(input_ids.sizes(), ", "), c10::toString(input_ids.scalar_type())));
  }
  at::Tensor x = at::embedding(token_embedding_, input_ids) + positions_;
  for (auto& layer : text_layers_) x = layer->forward(x, nullptr);
  return head_->forward(final_norm_->forward(x).select(1, -1));
}

PublishedImageText load_siglip(const std::filesystem::path& folder) {
  const SiglipOptions options = of_config_in(folder, [&] { return siglip_options_from_json(read_model_config(folder)); });
  const auto model = std::make_shared<SiglipModelImpl>(options);
  load_published(*model, load_tensors(folder), kSiglipNames, weights_file(folder).string());
  for (auto& parameter : model->parameters()) parameter.set_requires_grad(false);
  return {.model = model, .pixels = read_preprocessor(folder, vision_pixels(options.vision))};
}

}  // namespace infig
