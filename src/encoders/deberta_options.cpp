// config.json <-> DebertaOptions.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "encoders/common_options.h"
#include "encoders/config_reader.h"
#include "encoders/deberta.h"

namespace infig {
namespace {

void require(bool allowed, const std::string& what) {
  if (!allowed) throw ConfigError("DeBERTa: " + what);
}

// Settings that transformers knows and this code does not are refused, not silently ignored.
void refuse_unsupported(const ConfigReader& reader, const DebertaOptions& options) {
  const std::string type = reader.text("model_type", "deberta-v2");
  require(type == "deberta-v2",
          fmt::format("config.json: model_type is \"{}\"; expected \"deberta-v2\" (which v3 models carry too)", type));
  if (options.num_attention_heads > 0) {
    const int64_t expected = options.hidden_size / options.num_attention_heads;
    const int64_t head = reader.integer("attention_head_size", expected);
    require(head == expected,
            fmt::format("config.json: attention_head_size is {}; supported is hidden_size / num_attention_heads = {}", head, expected));
  }
}

void read_positions(const ConfigReader& reader, DebertaOptions& options) {
  options.relative_attention = reader.flag("relative_attention", false);
  options.max_relative_positions = reader.integer("max_relative_positions", -1);
  options.position_buckets = reader.integer("position_buckets", -1);
  options.share_att_key = reader.flag("share_att_key", false);
  options.position_biased_input = reader.flag("position_biased_input", true);
  options.pos_att_c2p = options.pos_att_p2c = options.norm_rel_ebd_layer_norm = false;
  for (const std::string& word : reader.words("pos_att_type")) {
    require(word == "c2p" || word == "p2c", fmt::format("config.json: pos_att_type holds \"{}\"; supported are c2p and p2c", word));
    (word == "c2p" ? options.pos_att_c2p : options.pos_att_p2c) = true;
  }
  for (const std::string& word : reader.words("norm_rel_ebd")) {
    require(word == "layer_norm" || word == "none",
            fmt::format("config.json: norm_rel_ebd holds \"{}\"; supported are layer_norm and none", word));
    if (word == "layer_norm") options.norm_rel_ebd_layer_norm = true;
  }
}

}  // namespace

void DebertaOptions::validate() const {
  validate_common(*this, "DeBERTa");
  require(max_position_embeddings > 0, fmt::format("max_position_embeddings is {}; allowed is >= 1", max_position_embeddings));
  require(embedding_size >= 0, fmt::format("embedding_size is {}; allowed is >= 0", embedding_size));
  require(conv_kernel_size == 0 || (conv_kernel_size > 0 && conv_kernel_size % 2 == 1),
          fmt::format("conv_kernel_size is {}; allowed is 0 (none) or an odd number", conv_kernel_size));
  require(conv_groups > 0 && hidden_size % conv_groups == 0,
          fmt::format("conv_groups is {}; allowed is a divisor of hidden_size = {}", conv_groups, hidden_size));
  require(type_vocab_size >= 0, fmt::format("type_vocab_size is {}; allowed is >= 0", type_vocab_size));
  if (relative_attention && position_buckets > 0) {
    require(position_buckets >= 2, fmt::format("position_buckets is {}; allowed is < 1 (none) or >= 2", position_buckets));
    require(relative_range() - 1 > position_buckets / 2,
            fmt::format("position_buckets is {} but relative positions reach only to {}; allowed is a half smaller than that",
                        position_buckets, relative_range() - 1));
  }
  layer_options(*this).validate();
}

nlohmann::json to_json(const DebertaOptions& options) {
  std::vector<std::string> terms;
  if (options.pos_att_p2c) terms.emplace_back("p2c");
  if (options.pos_att_c2p) terms.emplace_back("c2p");
  nlohmann::json json = common_json(options);
  json.update({{"architectures", nlohmann::json::array({"DebertaV2Model"})},
               {"model_type", "deberta-v2"},
               {"type_vocab_size", options.type_vocab_size},
               {"relative_attention", options.relative_attention},
               {"max_relative_positions", options.max_relative_positions},
               {"position_buckets", options.position_buckets},
               {"pos_att_type", terms},
               {"share_att_key", options.share_att_key},
               {"norm_rel_ebd", options.norm_rel_ebd_layer_norm ? "layer_norm" : "none"},
               {"position_biased_input", options.position_biased_input}});
  if (options.embedding_width() != options.hidden_size) json["embedding_size"] = options.embedding_size;
  if (options.conv_kernel_size > 0) {
    json["conv_kernel_size"] = options.conv_kernel_size;
    json["conv_groups"] = options.conv_groups;
    json["conv_act"] = activation_name(options.conv_act);
  }
  return json;
}

DebertaOptions deberta_options_from_json(const nlohmann::json& json) {
  const ConfigReader reader(json, "DeBERTa");
  // transformers' defaults, where they are not deberta-v3-base's.
  DebertaOptions options = {.hidden_size = 1536, .num_hidden_layers = 24, .num_attention_heads = 24, .intermediate_size = 6144};
  read_common(reader, options);
  options.embedding_size = reader.integer("embedding_size", options.embedding_size);
  options.type_vocab_size = reader.integer("type_vocab_size", options.type_vocab_size);
  options.conv_kernel_size = reader.integer("conv_kernel_size", options.conv_kernel_size);
  options.conv_groups = reader.integer("conv_groups", options.conv_groups);
  options.conv_act = reader.activation("conv_act", activation_name(options.conv_act));
  if (options.conv_kernel_size < 0) options.conv_kernel_size = 0;  // none, as the published code reads it
  refuse_unsupported(reader, options);
  read_positions(reader, options);
  options.validate();
  return options;
}

}  // namespace infig
