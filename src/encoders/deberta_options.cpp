// config.json <-> DebertaOptions.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "encoders/config_reader.h"
#include "encoders/deberta.h"

namespace infig {
namespace {

void require(bool allowed, const std::string& what) {
  if (!allowed) throw ConfigError("DeBERTa: " + what);
}

// What the published code knows and this one does not must not be silently dropped.
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
  require(vocab_size > 0, fmt::format("vocab_size is {}; allowed is >= 1", vocab_size));
  require(num_hidden_layers > 0, fmt::format("num_hidden_layers is {}; allowed is >= 1", num_hidden_layers));
  require(max_position_embeddings > 0, fmt::format("max_position_embeddings is {}; allowed is >= 1", max_position_embeddings));
  require(embedding_size >= 0, fmt::format("embedding_size is {}; allowed is >= 0", embedding_size));
  require(conv_kernel_size == 0 || (conv_kernel_size > 0 && conv_kernel_size % 2 == 1),
          fmt::format("conv_kernel_size is {}; allowed is 0 (none) or an odd number", conv_kernel_size));
  require(conv_groups > 0 && hidden_size % conv_groups == 0,
          fmt::format("conv_groups is {}; allowed is a divisor of hidden_size = {}", conv_groups, hidden_size));
  require(type_vocab_size >= 0, fmt::format("type_vocab_size is {}; allowed is >= 0", type_vocab_size));
  require(initializer_range > 0.0, fmt::format("initializer_range is {}; allowed is > 0", initializer_range));
  require(pad_token_id >= 0 && pad_token_id < vocab_size,
          fmt::format("pad_token_id is {}; allowed is 0 .. vocab_size - 1 = {}", pad_token_id, vocab_size - 1));
  if (relative_attention && position_buckets > 0) {
    require(position_buckets >= 2, fmt::format("position_buckets is {}; allowed is < 1 (none) or >= 2", position_buckets));
    require(relative_range() - 1 > position_buckets / 2,
            fmt::format("position_buckets is {} but relative positions reach only to {}; allowed is a half smaller than that",
                        position_buckets, relative_range() - 1));
  }
  const TransformerLayerOptions layer = {.hidden_size = hidden_size,
                                         .num_attention_heads = num_attention_heads,
                                         .intermediate_size = intermediate_size,
                                         .hidden_act = hidden_act,
                                         .hidden_dropout_prob = hidden_dropout_prob,
                                         .attention_probs_dropout_prob = attention_probs_dropout_prob,
                                         .layer_norm_eps = layer_norm_eps};
  layer.validate();
}

nlohmann::json to_json(const DebertaOptions& options) {
  std::vector<std::string> terms;
  if (options.pos_att_p2c) terms.emplace_back("p2c");
  if (options.pos_att_c2p) terms.emplace_back("c2p");
  nlohmann::json json = {{"architectures", {"DebertaV2Model"}},
                         {"model_type", "deberta-v2"},
                         {"vocab_size", options.vocab_size},
                         {"hidden_size", options.hidden_size},
                         {"num_hidden_layers", options.num_hidden_layers},
                         {"num_attention_heads", options.num_attention_heads},
                         {"intermediate_size", options.intermediate_size},
                         {"hidden_act", activation_name(options.hidden_act)},
                         {"hidden_dropout_prob", options.hidden_dropout_prob},
                         {"attention_probs_dropout_prob", options.attention_probs_dropout_prob},
                         {"max_position_embeddings", options.max_position_embeddings},
                         {"type_vocab_size", options.type_vocab_size},
                         {"layer_norm_eps", options.layer_norm_eps},
                         {"initializer_range", options.initializer_range},
                         {"relative_attention", options.relative_attention},
                         {"max_relative_positions", options.max_relative_positions},
                         {"position_buckets", options.position_buckets},
                         {"pos_att_type", terms},
                         {"share_att_key", options.share_att_key},
                         {"norm_rel_ebd", options.norm_rel_ebd_layer_norm ? "layer_norm" : "none"},
                         {"position_biased_input", options.position_biased_input},
                         {"pad_token_id", options.pad_token_id}};
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
  DebertaOptions options = {.vocab_size = reader.integer("vocab_size", 128100),
                            .hidden_size = reader.integer("hidden_size", 1536),
                            .embedding_size = reader.integer("embedding_size", 0),
                            .num_hidden_layers = reader.integer("num_hidden_layers", 24),
                            .num_attention_heads = reader.integer("num_attention_heads", 24),
                            .intermediate_size = reader.integer("intermediate_size", 6144),
                            .hidden_act = reader.activation("hidden_act", "gelu"),
                            .hidden_dropout_prob = reader.number("hidden_dropout_prob", 0.1),
                            .attention_probs_dropout_prob = reader.number("attention_probs_dropout_prob", 0.1),
                            .max_position_embeddings = reader.integer("max_position_embeddings", 512),
                            .type_vocab_size = reader.integer("type_vocab_size", 0),
                            .layer_norm_eps = reader.number("layer_norm_eps", 1e-7),
                            .initializer_range = reader.number("initializer_range", 0.02),
                            .conv_kernel_size = reader.integer("conv_kernel_size", 0),
                            .conv_groups = reader.integer("conv_groups", 1),
                            .conv_act = reader.activation("conv_act", "tanh"),
                            .pad_token_id = reader.integer("pad_token_id", 0)};
  if (options.conv_kernel_size < 0) options.conv_kernel_size = 0;  // none, as the published code reads it
  refuse_unsupported(reader, options);
  read_positions(reader, options);
  options.validate();
  return options;
}

}  // namespace infig
