// The sizes that BERT and its descendants share: read, written and checked once for all of them. Options is an aggregate with these
// members, DebertaOptions or BertOptions.
#pragma once

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string>

#include "core/error.h"
#include "encoders/config_reader.h"
#include "nn/transformer.h"

namespace infig {

// The names that most config.json files use. transformers reads both where a model has names of its own (its attribute_map).
struct CommonKeys {
  const char* hidden_size = "hidden_size";
  const char* num_hidden_layers = "num_hidden_layers";
  const char* num_attention_heads = "num_attention_heads";
  const char* intermediate_size = "intermediate_size";
  const char* hidden_act = "hidden_act";
  const char* hidden_dropout_prob = "hidden_dropout_prob";
  const char* attention_probs_dropout_prob = "attention_probs_dropout_prob";
};
inline constexpr CommonKeys kDistilBertKeys = {.hidden_size = "dim",
                                               .num_hidden_layers = "n_layers",
                                               .num_attention_heads = "n_heads",
                                               .intermediate_size = "hidden_dim",
                                               .hidden_act = "activation",
                                               .hidden_dropout_prob = "dropout",
                                               .attention_probs_dropout_prob = "attention_dropout"};

// Each key that is present; the others stay as `options` has them.
template <typename Options>
void read_common(const ConfigReader& reader, Options& options, const CommonKeys& keys = {}) {
  refuse_quantized(reader);
  options.vocab_size = reader.integer("vocab_size", options.vocab_size);
  options.hidden_size = reader.integer(keys.hidden_size, reader.integer("hidden_size", options.hidden_size));
  options.num_hidden_layers = reader.integer(keys.num_hidden_layers, reader.integer("num_hidden_layers", options.num_hidden_layers));
  options.num_attention_heads =
      reader.integer(keys.num_attention_heads, reader.integer("num_attention_heads", options.num_attention_heads));
  options.intermediate_size = reader.integer(keys.intermediate_size, reader.integer("intermediate_size", options.intermediate_size));
  options.hidden_act = reader.activation(keys.hidden_act, activation_name(options.hidden_act));
  options.hidden_dropout_prob = reader.number(keys.hidden_dropout_prob, options.hidden_dropout_prob);
  options.attention_probs_dropout_prob = reader.number(keys.attention_probs_dropout_prob, options.attention_probs_dropout_prob);
  options.max_position_embeddings = reader.integer("max_position_embeddings", options.max_position_embeddings);
  options.layer_norm_eps = reader.number("layer_norm_eps", options.layer_norm_eps);
  options.initializer_range = reader.number("initializer_range", options.initializer_range);
  options.pad_token_id = reader.integer("pad_token_id", options.pad_token_id);
}

template <typename Options>
nlohmann::json common_json(const Options& options, const CommonKeys& keys = {}) {
  return {{"vocab_size", options.vocab_size},
          {keys.hidden_size, options.hidden_size},
          {keys.num_hidden_layers, options.num_hidden_layers},
          {keys.num_attention_heads, options.num_attention_heads},
          {keys.intermediate_size, options.intermediate_size},
          {keys.hidden_act, activation_name(options.hidden_act)},
          {keys.hidden_dropout_prob, options.hidden_dropout_prob},
          {keys.attention_probs_dropout_prob, options.attention_probs_dropout_prob},
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

// Throws ConfigError, whose message begins with `model`. The layers check their own sizes.
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
