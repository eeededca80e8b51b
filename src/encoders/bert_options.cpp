// config.json <-> BertOptions.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "encoders/bert.h"
#include "encoders/config_reader.h"

namespace infig {
namespace {

BertKind kind_of(const ConfigReader& reader, const std::string& model_type) {
  if (model_type == "bert") return BertKind::kBert;
  if (model_type == "roberta" || model_type == "xlm-roberta") return BertKind::kRoberta;
  reader.require(model_type == "mpnet",
                 fmt::format("config.json: model_type is \"{}\"; expected bert, roberta, xlm-roberta or mpnet", model_type));
  return BertKind::kMpnet;
}

}  // namespace

TransformerLayerOptions BertOptions::layer() const {
  return {.hidden_size = hidden_size,
          .num_attention_heads = num_attention_heads,
          .intermediate_size = intermediate_size,
          .hidden_act = hidden_act,
          .hidden_dropout_prob = hidden_dropout_prob,
          .attention_probs_dropout_prob = attention_probs_dropout_prob,
          .layer_norm_eps = layer_norm_eps,
          .names = kind == BertKind::kMpnet ? LayerNames::kMpnet : LayerNames::kBert};
}

void BertOptions::validate() const {
  const auto require = [this](bool allowed, const std::string& what) {
    if (!allowed) throw ConfigError(model_type + ": " + what);
  };
  require(vocab_size > 0, fmt::format("vocab_size is {}; allowed is >= 1", vocab_size));
  require(num_hidden_layers > 0, fmt::format("num_hidden_layers is {}; allowed is >= 1", num_hidden_layers));
  require(pad_token_id >= 0 && pad_token_id < vocab_size,
          fmt::format("pad_token_id is {}; allowed is 0 .. vocab_size - 1 = {}", pad_token_id, vocab_size - 1));
  require(max_length() > 0, fmt::format("max_position_embeddings is {}; allowed is >= {}", max_position_embeddings,
                                        1 + max_position_embeddings - max_length()));
  require(type_vocab_size > 0, fmt::format("type_vocab_size is {}; allowed is >= 1", type_vocab_size));
  require(initializer_range > 0.0, fmt::format("initializer_range is {}; allowed is > 0", initializer_range));
  if (kind == BertKind::kMpnet) {
    require(vocab_size > padding_position(), fmt::format("vocab_size is {}; allowed is >= 2", vocab_size));
    require(relative_attention_num_buckets >= 32,
            fmt::format("relative_attention_num_buckets is {}; allowed is >= 32", relative_attention_num_buckets));
  }
  layer().validate();
}

nlohmann::json to_json(const BertOptions& options) {
  const char* architecture = options.kind == BertKind::kBert    ? "BertModel"
                             : options.kind == BertKind::kMpnet ? "MPNetModel"
                                                                : "RobertaModel";
  nlohmann::json json = {{"architectures", {options.model_type == "xlm-roberta" ? "XLMRobertaModel" : architecture}},
                         {"model_type", options.model_type},
                         {"vocab_size", options.vocab_size},
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
  if (options.kind == BertKind::kMpnet) {
    json["relative_attention_num_buckets"] = options.relative_attention_num_buckets;
  } else {
    json["type_vocab_size"] = options.type_vocab_size;
  }
  return json;
}

BertOptions bert_options_from_json(const nlohmann::json& json) {
  const std::string type = ConfigReader(json, "BERT").text("model_type", "bert");
  const ConfigReader reader(json, type);
  const BertKind kind = kind_of(reader, type);
  reader.require(!reader.flag("is_decoder", false), "config.json: is_decoder is true; only encoders are supported");
  const std::string positions = reader.text("position_embedding_type", "absolute");
  reader.require(positions == "absolute",
                 fmt::format("config.json: position_embedding_type is \"{}\"; supported is \"absolute\"", positions));
  BertOptions options = {.kind = kind,
                         .model_type = type,
                         .vocab_size = reader.integer("vocab_size", kind == BertKind::kBert    ? 30522
                                                                    : kind == BertKind::kMpnet ? 30527
                                                                    : type == "xlm-roberta"    ? 30522
                                                                                               : 50265),
                         .hidden_size = reader.integer("hidden_size", 768),
                         .num_hidden_layers = reader.integer("num_hidden_layers", 12),
                         .num_attention_heads = reader.integer("num_attention_heads", 12),
                         .intermediate_size = reader.integer("intermediate_size", 3072),
                         .hidden_act = reader.activation("hidden_act", "gelu"),
                         .hidden_dropout_prob = reader.number("hidden_dropout_prob", 0.1),
                         .attention_probs_dropout_prob = reader.number("attention_probs_dropout_prob", 0.1),
                         .max_position_embeddings = reader.integer("max_position_embeddings", 512),
                         .type_vocab_size = kind == BertKind::kMpnet ? 2 : reader.integer("type_vocab_size", 2),
                         .layer_norm_eps = reader.number("layer_norm_eps", 1e-12),
                         .initializer_range = reader.number("initializer_range", 0.02),
                         .pad_token_id = reader.integer("pad_token_id", kind == BertKind::kBert ? 0 : 1),
                         .relative_attention_num_buckets = reader.integer("relative_attention_num_buckets", 32)};
  options.validate();
  return options;
}

}  // namespace infig
