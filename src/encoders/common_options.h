// The sizes that BERT and its descendants share, under the same names in every config.json: read, written and checked once for all of them.
// Options is an aggregate with these members, DebertaOptions or BertOptions.
#pragma once

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string>

#include "core/error.h"
#include "encoders/config_reader.h"
#include "nn/transformer.h"

namespace infig {

// Each key that is there; the others stay as `options` has them.
template <typename Options>
void read_common(const ConfigReader& reader, Options& options) {
  options.vocab_size = reader.integer("vocab_size", options.vocab_size);
  options.hidden_size = reader.integer("hidden_size", options.hidden_size);
  options.num_hidden_layers = reader.integer("num_hidden_layers", options.num_hidden_layers);
  options.num_attention_heads = reader.integer("num_attention_heads", options.num_attention_heads);
  options.intermediate_size = reader.integer("intermediate_size", options.intermediate_size);
  options.hidden_act = reader.activation("hidden_act", activation_name(options.hidden_act));
  options.hidden_dropout_prob = reader.number("hidden_dropout_prob", options.hidden_dropout_prob);
  options.attention_probs_dropout_prob = reader.number("attention_probs_dropout_prob", options.attention_probs_dropout_prob);
  options.max_position_embeddings = reader.integer("max_position_embeddings", options.max_position_embeddings);
  options.layer_norm_eps = reader.number("layer_norm_eps", options.layer_norm_eps);
  options.initializer_range = reader.number("initializer_range", options.initializer_range);
  options.pad_token_id = reader.integer("pad_token_id", options.pad_token_id);
}

template <typename Options>
nlohmann::json common_json(const Options& options) {
  return {{"vocab_size", options.vocab_size},
          {"hidden_size", options.hidden_size},
          {"num_hidden_layers", options.num_hidden_layers},
          {"num_attention_heads", options.num_attention_heads},
          {"intermediate_size", options.intermediate_size},
          {"hidden_act", activation_name(options.hidden_act)},
          {"hidden_dropout_prob", options.hidden_dropout_prob},
          {"attention_probs_dropout_prob", options.attention_probs_dropout_prob},
          {"max_position_embeddings", options.max_position_embeddings},
          {"layer_norm_eps", options.layer_norm_eps},
          {"initializer_range", options.initializer_range},
          {"pad_token_id", options.pad_token_id}};
}

template <typename Options>
TransformerLayerOptions layer_options(const Options& options) {
  return {.hidden_size = options.hidden_size,
          .num_attention_heads = options.num_attention_heads,
          .intermediate_size = options.intermediate_size,
          .hidden_act = options.hidden_act,
          .hidden_dropout_prob = options.hidden_dropout_prob,
          .attention_probs_dropout_prob = options.attention_probs_dropout_prob,
          .layer_norm_eps = options.layer_norm_eps};
}

// Throws ConfigError, `model` first. What the layers check themselves is theirs.
template <typename Options>
void validate_common(const Options& options, const std::string& model) {
  const auto require = [&model](bool allowed, const std::string& what) {
    if (!allowed) throw ConfigError(model + ": " + what);
  };
  require(options.vocab_size > 0, fmt::format("vocab_size is {}; allowed is >= 1", options.vocab_size));
  require(options.num_hidden_layers > 0, fmt::format("num_hidden_layers is {}; allowed is >= 1", options.num_hidden_layers));
  require(options.initializer_range > 0.0, fmt::format("initializer_range is {}; allowed is > 0", options.initializer_range));
  require(options.pad_token_id >= 0 && options.pad_token_id < options.vocab_size,
          fmt::format("pad_token_id is {}; allowed is 0 .. vocab_size - 1 = {}", options.pad_token_id, options.vocab_size - 1));
}

}  // namespace infig
