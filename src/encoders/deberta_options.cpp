// config.json <-> DebertaOptions.
#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/error.h"
#include "encoders/deberta.h"

namespace infig {
namespace {

void require(bool allowed, const std::string& what) {
  if (!allowed) throw ConfigError("DeBERTa: " + what);
}

template <typename T>
T value_or(const nlohmann::json& json, const char* key, T fallback) {
  const auto found = json.find(key);
  if (found == json.end() || found->is_null()) return fallback;
  try {
    if constexpr (std::is_same_v<T, int64_t>) {
      if (!found->is_number_integer())
        throw ConfigError(fmt::format("DeBERTa: config.json: {} is {}; expected an integer", key, found->dump()));
    }
    return found->get<T>();
  } catch (const nlohmann::json::exception&) {
    const char* expected = std::is_same_v<T, bool> ? "true or false" : std::is_same_v<T, double> ? "a number" : "a text";
    throw ConfigError(fmt::format("DeBERTa: config.json: {} is {}; expected {}", key, found->dump(), expected));
  }
}

// "c2p|p2c" or ["c2p", "p2c"], as configs of different ages have it.
std::vector<std::string> words(const nlohmann::json& json, const char* key) {
  const auto found = json.find(key);
  if (found == json.end() || found->is_null()) return {};
  std::vector<std::string> parts;
  if (found->is_string()) {
    std::istringstream stream(found->get<std::string>());
    for (std::string part; std::getline(stream, part, '|');) parts.push_back(part);
  } else {
    require(found->is_array(), fmt::format("config.json: {} is {}; expected a text or a list of texts", key, found->dump()));
    for (const auto& part : *found) {
      require(part.is_string(), fmt::format("config.json: {} is {}; expected a text or a list of texts", key, found->dump()));
      parts.push_back(part.get<std::string>());
    }
  }
  for (std::string& part : parts) {
    std::erase(part, ' ');
    for (char& c : part) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  std::erase(parts, "");
  return parts;
}

Activation parse_activation(const std::string& name) {
  if (name == "gelu") return Activation::kGelu;
  if (name == "gelu_new" || name == "gelu_pytorch_tanh") return Activation::kGeluTanh;
  if (name == "relu") return Activation::kRelu;
  throw ConfigError(
      fmt::format("DeBERTa: config.json: hidden_act is \"{}\"; supported are gelu, gelu_new, gelu_pytorch_tanh and relu", name));
}

const char* activation_name(Activation activation) {
  return activation == Activation::kGelu ? "gelu" : activation == Activation::kGeluTanh ? "gelu_pytorch_tanh" : "relu";
}

// What the published code can do and this one cannot must not be silently dropped.
void refuse_unsupported(const nlohmann::json& json, const DebertaOptions& options) {
  const std::string type = value_or<std::string>(json, "model_type", "deberta-v2");
  require(type == "deberta-v2",
          fmt::format("config.json: model_type is \"{}\"; expected \"deberta-v2\" (which v3 models carry too)", type));
  const int64_t kernel = value_or<int64_t>(json, "conv_kernel_size", 0);
  require(kernel <= 0,
          fmt::format("config.json: conv_kernel_size is {}; only models without the convolution (0, as deberta-v3) are supported", kernel));
  const int64_t width = value_or<int64_t>(json, "embedding_size", options.hidden_size);
  require(width == options.hidden_size,
          fmt::format("config.json: embedding_size is {}; supported is hidden_size = {}", width, options.hidden_size));
  if (options.num_attention_heads > 0) {
    const int64_t expected = options.hidden_size / options.num_attention_heads;
    const int64_t head = value_or<int64_t>(json, "attention_head_size", expected);
    require(head == expected,
            fmt::format("config.json: attention_head_size is {}; supported is hidden_size / num_attention_heads = {}", head, expected));
  }
}

void read_positions(const nlohmann::json& json, DebertaOptions& options) {
  options.relative_attention = value_or(json, "relative_attention", false);
  options.max_relative_positions = value_or<int64_t>(json, "max_relative_positions", -1);
  options.position_buckets = value_or<int64_t>(json, "position_buckets", -1);
  options.share_att_key = value_or(json, "share_att_key", false);
  options.position_biased_input = value_or(json, "position_biased_input", true);
  options.pos_att_c2p = options.pos_att_p2c = options.norm_rel_ebd_layer_norm = false;
  for (const std::string& word : words(json, "pos_att_type")) {
    require(word == "c2p" || word == "p2c", fmt::format("config.json: pos_att_type holds \"{}\"; supported are c2p and p2c", word));
    (word == "c2p" ? options.pos_att_c2p : options.pos_att_p2c) = true;
  }
  for (const std::string& word : words(json, "norm_rel_ebd")) {
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
  return {{"architectures", {"DebertaV2Model"}},
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
}

DebertaOptions deberta_options_from_json(const nlohmann::json& json) {
  require(json.is_object(), "config.json: expected an object at the top level");
  DebertaOptions options = {.vocab_size = value_or<int64_t>(json, "vocab_size", 128100),
                            .hidden_size = value_or<int64_t>(json, "hidden_size", 1536),
                            .num_hidden_layers = value_or<int64_t>(json, "num_hidden_layers", 24),
                            .num_attention_heads = value_or<int64_t>(json, "num_attention_heads", 24),
                            .intermediate_size = value_or<int64_t>(json, "intermediate_size", 6144),
                            .hidden_act = parse_activation(value_or<std::string>(json, "hidden_act", "gelu")),
                            .hidden_dropout_prob = value_or(json, "hidden_dropout_prob", 0.1),
                            .attention_probs_dropout_prob = value_or(json, "attention_probs_dropout_prob", 0.1),
                            .max_position_embeddings = value_or<int64_t>(json, "max_position_embeddings", 512),
                            .type_vocab_size = value_or<int64_t>(json, "type_vocab_size", 0),
                            .layer_norm_eps = value_or(json, "layer_norm_eps", 1e-7),
                            .initializer_range = value_or(json, "initializer_range", 0.02),
                            .pad_token_id = value_or<int64_t>(json, "pad_token_id", 0)};
  refuse_unsupported(json, options);
  read_positions(json, options);
  options.validate();
  return options;
}

}  // namespace infig
