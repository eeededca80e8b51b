// config.json <-> BertOptions.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "encoders/bert.h"
#include "encoders/common_options.h"
#include "encoders/config_reader.h"

namespace infig {
namespace {

BertKind kind_of(const ConfigReader& reader, const std::string& model_type) {
  if (model_type == "bert") return BertKind::kBert;
  if (model_type == "roberta" || model_type == "xlm-roberta") return BertKind::kRoberta;
  if (model_type == "electra") return BertKind::kElectra;
  if (model_type == "distilbert") return BertKind::kDistilBert;
  reader.require(
      model_type == "mpnet",
      fmt::format("config.json: model_type is \"{}\"; expected bert, roberta, xlm-roberta, mpnet, electra or distilbert", model_type));
  return BertKind::kMpnet;
}

}  // namespace

TransformerLayerOptions BertOptions::layer() const {
  TransformerLayerOptions layer = layer_options(*this);
  if (kind == BertKind::kMpnet) layer.names = LayerNames::kMpnet;
  if (kind == BertKind::kDistilBert) layer.names = LayerNames::kDistilBert;
  return layer;
}

void BertOptions::validate() const {
  validate_common(*this, model_type);
  const auto require = [this](bool allowed, const std::string& what) {
    if (!allowed) throw ConfigError(model_type + ": " + what);
  };
  require(max_length() > 0, fmt::format("max_position_embeddings is {}; allowed is >= {}", max_position_embeddings,
                                        1 + max_position_embeddings - max_length()));
  require(type_vocab_size > 0, fmt::format("type_vocab_size is {}; allowed is >= 1", type_vocab_size));
  require(embedding_size >= 0, fmt::format("embedding_size is {}; allowed is >= 1", embedding_size));
  if (kind == BertKind::kMpnet) {
    require(vocab_size > padding_position(), fmt::format("vocab_size is {}; allowed is >= 2", vocab_size));
    require(relative_attention_num_buckets >= 32,
            fmt::format("relative_attention_num_buckets is {}; allowed is >= 32", relative_attention_num_buckets));
  }
  layer().validate();
}

nlohmann::json to_json(const BertOptions& options) {
  const char* architecture = options.kind == BertKind::kBert         ? "BertModel"
                             : options.kind == BertKind::kMpnet      ? "MPNetModel"
                             : options.kind == BertKind::kElectra    ? "ElectraModel"
                             : options.kind == BertKind::kDistilBert ? "DistilBertModel"
                                                                     : "RobertaModel";
  const bool distilled = options.kind == BertKind::kDistilBert;
  nlohmann::json json = common_json(options, distilled ? kDistilBertKeys : CommonKeys{});
  json["architectures"] = nlohmann::json::array({options.model_type == "xlm-roberta" ? "XLMRobertaModel" : architecture});
  json["model_type"] = options.model_type;
  if (options.kind == BertKind::kMpnet) json["relative_attention_num_buckets"] = options.relative_attention_num_buckets;
  if (options.has_token_types()) json["type_vocab_size"] = options.type_vocab_size;
  if (options.kind == BertKind::kElectra) json["embedding_size"] = options.embedding_width();
  if (!distilled) return json;
  json.erase("layer_norm_eps");  // no key of DistilBERT's: it is 1e-12
  json["sinusoidal_pos_embds"] = options.sinusoidal_positions;
  return json;
}

namespace {

// transformers' defaults, where they are not bert-base's.
BertOptions bert_defaults(BertKind kind, const std::string& model_type) {
  BertOptions options = {.kind = kind, .model_type = model_type};
  if (kind == BertKind::kMpnet) options.vocab_size = 30527;
  if (model_type == "roberta") options.vocab_size = 50265;
  if (options.counts_from_padding()) options.pad_token_id = 1;
  if (kind == BertKind::kDistilBert) options.num_hidden_layers = 6;
  if (kind == BertKind::kElectra) {
    options.hidden_size = 256;
    options.num_attention_heads = 4;
    options.intermediate_size = 1024;
    options.embedding_size = 128;
  }
  return options;
}

}  // namespace

BertOptions bert_options_from_json(const nlohmann::json& json) {
  const std::string type = ConfigReader(json, "BERT").text("model_type", "bert");
  const ConfigReader reader(json, type);
  const BertKind kind = kind_of(reader, type);
  reader.require(!reader.flag("is_decoder", false), "config.json: is_decoder is true; only encoders are supported");
  const std::string positions = reader.text("position_embedding_type", "absolute");
  reader.require(positions == "absolute",
                 fmt::format("config.json: position_embedding_type is \"{}\"; supported is \"absolute\"", positions));
  BertOptions options = bert_defaults(kind, type);
  read_common(reader, options, kind == BertKind::kDistilBert ? kDistilBertKeys : CommonKeys{});
  if (options.has_token_types()) options.type_vocab_size = reader.integer("type_vocab_size", options.type_vocab_size);
  options.relative_attention_num_buckets = reader.integer("relative_attention_num_buckets", options.relative_attention_num_buckets);
  if (kind == BertKind::kDistilBert) {
    options.layer_norm_eps = 1e-12;
    options.sinusoidal_positions = reader.flag("sinusoidal_pos_embds", false);
  }
  if (kind == BertKind::kElectra) {
    options.embedding_size = reader.integer("embedding_size", options.embedding_size);
    reader.require(options.embedding_size > 0, fmt::format("config.json: embedding_size is {}; allowed is >= 1", options.embedding_size));
  }
  options.validate();
  return options;
}

}  // namespace infig
