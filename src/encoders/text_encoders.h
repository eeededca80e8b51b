// Every text encoder there is, as typed options: a config.json is read into them once, and encoders are made from them.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <variant>

#include "encoders/bert.h"
#include "encoders/deberta.h"
#include "encoders/modernbert.h"
#include "encoders/text_encoder.h"

namespace infig {

// The explicit list: a new architecture is one more alternative here and its model_types in text_encoders.cpp.
using TextEncoderOptions = std::variant<DebertaOptions, BertOptions, ModernBertOptions>;

// What a config.json describes, by its model_type: deberta-v2 (v3 models carry it too), bert, roberta, xlm-roberta, mpnet, electra,
// distilbert, modernbert. Throws ConfigError naming key, value and what is supported.
TextEncoderOptions text_encoder_options(const nlohmann::json& config);

// The encoder, weights not yet set: initialize() or load_published() fills them.
std::shared_ptr<TextEncoder> make_text_encoder(const TextEncoderOptions& options);

// What can be known without making the encoder.
struct TextEncoderFacts {
  int64_t hidden_size = 0;
  int64_t num_hidden_layers = 0;
  int64_t vocab_size = 0;
  int64_t max_length = 0;  // tokens of the longest text; 0: any
};
TextEncoderFacts text_encoder_facts(const TextEncoderOptions& options);

// Dropout of hidden states and of attention weights, [0, 1): a training choice, which a published config.json does not decide.
void set_dropout(TextEncoderOptions& options, double hidden_dropout_prob, double attention_probs_dropout_prob);

}  // namespace infig
