// config.json <-> ModernBertOptions.
#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/error.h"
#include "encoders/common_options.h"
#include "encoders/config_reader.h"
#include "encoders/modernbert.h"

namespace infig {
namespace {

constexpr const char* kGlobalLayer = "full_attention";
constexpr const char* kLocalLayer = "sliding_attention";

// Which layers attend to all tokens: layer_types, which transformers 5 writes; of older configs every global_attn_every_n_layers-th.
std::vector<bool> read_layer_types(const ConfigReader& reader, const nlohmann::json& json, int64_t layers) {
  std::vector<bool> global;
  const int64_t every = reader.integer("global_attn_every_n_layers", 3);
  constexpr int64_t kMostLayers = 4096;  // what a hostile file states is not allocated
  reader.require(layers <= kMostLayers, fmt::format("config.json: num_hidden_layers is {}; allowed is 1 .. {}", layers, kMostLayers));
  reader.require(every > 0, fmt::format("config.json: global_attn_every_n_layers is {}; allowed is >= 1", every));
  if (!reader.has("layer_types")) {
    for (int64_t n = 0; n < layers; ++n) global.push_back(n % every == 0);
    return global;
  }
  const nlohmann::json& types = json["layer_types"];
  reader.require(types.is_array() && std::cmp_equal(types.size(), layers),
                 fmt::format("config.json: layer_types: expected a list of num_hidden_layers = {} kinds", layers));
  for (const auto& type : types) {
    reader.require(
        type == kGlobalLayer || type == kLocalLayer,
        fmt::format("config.json: layer_types holds {}; supported are \"{}\" and \"{}\"", type.dump(), kGlobalLayer, kLocalLayer));
    global.push_back(type == kGlobalLayer);
  }
  return global;
}

// rope_parameters of transformers 5: {"full_attention": {"rope_type": "default", "rope_theta": ...}, ...}; before, a key for each base.
double read_rope(const ConfigReader& reader, const nlohmann::json& json, const char* layer, const char* old_key, double fallback) {
  double theta = reader.number(old_key, fallback);
  for (const char* key : {"rope_parameters", "rope_scaling"}) {
    if (!reader.has(key)) continue;
    const nlohmann::json& all = json[key];
    reader.require(all.is_object(), fmt::format("config.json: {}: expected an object", key));
    const nlohmann::json* own = &all;
    if (all.contains(kGlobalLayer) || all.contains(kLocalLayer)) {
      if (!all.contains(layer) || all[layer].is_null()) continue;
      own = &all[layer];
    }
    const ConfigReader rope(*own, fmt::format("ModernBERT: {}.{}", key, layer));
    const std::string type = rope.text("rope_type", rope.text("type", "default"));
    rope.require(type == "default", fmt::format("config.json: rope_type is \"{}\"; supported is \"default\"", type));
    const double partial = rope.number("partial_rotary_factor", 1.0);
    rope.require(partial == 1.0, fmt::format("config.json: partial_rotary_factor is {}; supported is 1", partial));
    theta = rope.number("rope_theta", theta);
  }
  return theta;
}

}  // namespace

bool ModernBertOptions::is_global(int64_t layer) const { return global.empty() ? layer % 3 == 0 : global[static_cast<size_t>(layer)]; }

void ModernBertOptions::validate() const {
  validate_common(*this, "ModernBERT");
  const auto require = [](bool allowed, const std::string& what) {
    if (!allowed) throw ConfigError("ModernBERT: " + what);
  };
  layer_options(*this).validate();
  require(hidden_size / num_attention_heads % 2 == 0,
          fmt::format("hidden_size is {} over {} heads; allowed are heads of an even width", hidden_size, num_attention_heads));
  require(max_position_embeddings > 0, fmt::format("max_position_embeddings is {}; allowed is >= 1", max_position_embeddings));
  require(local_attention >= 0, fmt::format("local_attention is {}; allowed is >= 0", local_attention));
  require(global.empty() || std::cmp_equal(global.size(), num_hidden_layers),
          fmt::format("layer_types has {} entries; expected num_hidden_layers = {}", global.size(), num_hidden_layers));
  for (const auto& [name, theta] : {std::pair("global", global_rope_theta), std::pair("local", local_rope_theta)}) {
    require(theta > 0 && std::isfinite(theta), fmt::format("rope_theta of {} layers is {}; allowed is > 0", name, theta));
  }
}

nlohmann::json to_json(const ModernBertOptions& options) {
  nlohmann::json types = nlohmann::json::array();
  for (int64_t n = 0; n < options.num_hidden_layers; ++n) types.push_back(options.is_global(n) ? kGlobalLayer : kLocalLayer);
  const auto rope = [](double theta) { return nlohmann::json{{"rope_type", "default"}, {"rope_theta", theta}}; };
  return {{"architectures", nlohmann::json::array({"ModernBertModel"})},
          {"model_type", "modernbert"},
          {"vocab_size", options.vocab_size},
          {"hidden_size", options.hidden_size},
          {"num_hidden_layers", options.num_hidden_layers},
          {"num_attention_heads", options.num_attention_heads},
          {"intermediate_size", options.intermediate_size},
          {"hidden_activation", activation_name(options.hidden_act)},
          {"embedding_dropout", options.hidden_dropout_prob},
          {"mlp_dropout", options.hidden_dropout_prob},
          {"attention_dropout", options.attention_probs_dropout_prob},
          {"max_position_embeddings", options.max_position_embeddings},
          {"norm_eps", options.layer_norm_eps},
          {"norm_bias", options.norm_bias},
          {"attention_bias", options.attention_bias},
          {"mlp_bias", options.mlp_bias},
          {"initializer_range", options.initializer_range},
          {"pad_token_id", options.pad_token_id},
          {"local_attention", options.local_attention},
          {"layer_types", types},
          {"rope_parameters", {{kGlobalLayer, rope(options.global_rope_theta)}, {kLocalLayer, rope(options.local_rope_theta)}}}};
}

ModernBertOptions modernbert_options_from_json(const nlohmann::json& json) {
  const ConfigReader reader(json, "ModernBERT");
  refuse_quantized(reader);
  const std::string type = reader.text("model_type", "modernbert");
  reader.require(type == "modernbert", fmt::format("config.json: model_type is \"{}\"; expected \"modernbert\"", type));
  ModernBertOptions options;
  options.vocab_size = reader.integer("vocab_size", options.vocab_size);
  options.hidden_size = reader.integer("hidden_size", options.hidden_size);
  options.num_hidden_layers = reader.integer("num_hidden_layers", options.num_hidden_layers);
  options.num_attention_heads = reader.integer("num_attention_heads", options.num_attention_heads);
  options.intermediate_size = reader.integer("intermediate_size", options.intermediate_size);
  options.hidden_act = reader.activation("hidden_activation", "gelu");
  options.hidden_dropout_prob = reader.number("embedding_dropout", options.hidden_dropout_prob);
  options.attention_probs_dropout_prob = reader.number("attention_dropout", options.attention_probs_dropout_prob);
  options.max_position_embeddings = reader.integer("max_position_embeddings", options.max_position_embeddings);
  options.layer_norm_eps = reader.number("norm_eps", options.layer_norm_eps);
  options.norm_bias = reader.flag("norm_bias", options.norm_bias);
  options.attention_bias = reader.flag("attention_bias", options.attention_bias);
  options.mlp_bias = reader.flag("mlp_bias", options.mlp_bias);
  options.initializer_range = reader.number("initializer_range", options.initializer_range);
  options.pad_token_id = reader.integer("pad_token_id", options.pad_token_id);
  options.local_attention = reader.integer("local_attention", options.local_attention);
  if (options.num_hidden_layers > 0) options.global = read_layer_types(reader, json, options.num_hidden_layers);
  options.global_rope_theta = read_rope(reader, json, kGlobalLayer, "global_rope_theta", options.global_rope_theta);
  options.local_rope_theta = read_rope(reader, json, kLocalLayer, "local_rope_theta", options.local_rope_theta);
  options.validate();
  return options;
}

}  // namespace infig
