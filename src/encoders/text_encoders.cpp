#include "encoders/text_encoders.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <nlohmann/json.hpp>

#include "core/error.h"

namespace infig {
namespace {

struct Entry {
  const char* model_type;
  TextEncoderOptions (*read)(const nlohmann::json&);
};

TextEncoderOptions read_deberta(const nlohmann::json& config) { return deberta_options_from_json(config); }
TextEncoderOptions read_bert(const nlohmann::json& config) { return bert_options_from_json(config); }
TextEncoderOptions read_modernbert(const nlohmann::json& config) { return modernbert_options_from_json(config); }

constexpr std::array<Entry, 8> kTextEncoders = {{{"deberta-v2", read_deberta},
                                                 {"bert", read_bert},
                                                 {"roberta", read_bert},
                                                 {"xlm-roberta", read_bert},
                                                 {"mpnet", read_bert},
                                                 {"electra", read_bert},
                                                 {"distilbert", read_bert},
                                                 {"modernbert", read_modernbert}}};

std::shared_ptr<TextEncoder> made_of(const DebertaOptions& options) { return std::make_shared<DebertaModelImpl>(options); }
std::shared_ptr<TextEncoder> made_of(const BertOptions& options) { return std::make_shared<BertModelImpl>(options); }
std::shared_ptr<TextEncoder> made_of(const ModernBertOptions& options) { return std::make_shared<ModernBertModelImpl>(options); }

int64_t longest(const DebertaOptions& options) { return options.position_biased_input ? options.max_position_embeddings : 0; }
int64_t longest(const BertOptions& options) { return options.max_length(); }
int64_t longest(const ModernBertOptions& options) { return options.max_position_embeddings; }

}  // namespace

TextEncoderOptions text_encoder_options(const nlohmann::json& config) {
  const std::string type = config.is_object() && config.contains("model_type") && config["model_type"].is_string()
                               ? config["model_type"].get<std::string>()
                               : std::string();
  std::vector<std::string> known;
  for (const auto& entry : kTextEncoders) {
    if (type == entry.model_type) return entry.read(config);
    known.emplace_back(entry.model_type);
  }
  throw ConfigError(fmt::format("config.json: model_type is \"{}\", which is no text encoder known here; supported are {}", type,
                                fmt::join(known, ", ")));
}

std::shared_ptr<TextEncoder> make_text_encoder(const TextEncoderOptions& options) {
  return std::visit([](const auto& one) { return made_of(one); }, options);
}

std::shared_ptr<TextEncoder> make_text_encoder(const nlohmann::json& config) { return make_text_encoder(text_encoder_options(config)); }

TextEncoderFacts text_encoder_facts(const TextEncoderOptions& options) {
  return std::visit(
      [](const auto& one) {
        return TextEncoderFacts{.hidden_size = one.hidden_size,
                                .num_hidden_layers = one.num_hidden_layers,
                                .vocab_size = one.vocab_size,
                                .max_length = longest(one)};
      },
      options);
}

void set_dropout(TextEncoderOptions& options, double hidden_dropout_prob, double attention_probs_dropout_prob) {
  std::visit(
      [&](auto& one) {
        one.hidden_dropout_prob = hidden_dropout_prob;
        one.attention_probs_dropout_prob = attention_probs_dropout_prob;
        one.validate();
      },
      options);
}

}  // namespace infig
