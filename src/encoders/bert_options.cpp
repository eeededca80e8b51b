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
  reader.require(model_type == "mpnet",
                 fmt::format("config.json: model_type is \"{}\"; expected bert, roberta, xlm-roberta or mpnet", model_type));
  return BertKind::kMpnet;
}

}  // namespace

TransformerLayerOptions BertOptions::layer() const {
  TransformerLayerOptions layer = layer_options(*this);
  layer.names = kind == BertKind::kMpnet ? LayerNames::kMpnet : LayerNames::kBert;
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
  nlohmann::json json = common_json(options);
  json["architectures"] = nlohmann::json::array({options.model_type == "xlm-roberta" ? "XLMRobertaModel" : architecture});
  json["model_type"] = options.model_type;
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
  BertOptions options = {.kind = kind, .model_type = type};
  if (kind == BertKind::kMpnet) options.vocab_size = 30527;
  if (type == "roberta") options.vocab_size = 50265;
  if (kind != BertKind::kBert) options.pad_token_id = 1;
  read_common(reader, options);
  if (kind != BertKind::kMpnet) options.type_vocab_size = reader.integer("type_vocab_size", options.type_vocab_size);
  options.relative_attention_num_buckets = reader.integer("relative_attention_num_buckets", options.relative_attention_num_buckets);
  options.validate();
  return options;
}

}  // namespace infig
