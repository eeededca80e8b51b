// What every text tower is: ids in, hidden states of every layer out. The models are listed once, in text_encoders.h.
#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "encoders/weight_names.h"
#include "nn/dropout.h"

namespace infig {

class TextEncoder : public torch::nn::Module {
 public:
  // input_ids, attention_mask [B, L] int64, 1 <= L. Returns the n + 1 hidden states [B, L, D] float: embeddings first, the last layer's
  // last. A null source is evaluation. Under c10::InferenceMode packed copies of the weights are used (nn/packed_linear.h). ShapeError.
  virtual std::vector<at::Tensor> forward(const at::Tensor& input_ids, const at::Tensor& attention_mask, DropoutSource* source) = 0;
  virtual void initialize(uint64_t seed) = 0;  // random initial weights

  virtual int64_t hidden_size() const = 0;
  virtual int64_t num_hidden_layers() const = 0;
  virtual int64_t num_attention_heads() const = 0;
  virtual int64_t vocab_size() const = 0;
  virtual int64_t pad_token_id() const = 0;
  virtual int64_t max_length() const = 0;        // tokens of the longest text it was made for
  virtual nlohmann::json config() const = 0;     // config.json as transformers writes it; make_text_encoder() reads it back
  virtual const WeightNames& names() const = 0;  // how published checkpoints call its weights
  // Which layer a parameter of this module is in: 1 .. num_hidden_layers(), 0 for what is below them all (embeddings, and what all layers
  // share). Unless overridden by the names that BERT and its descendants have, encoder.layer.N.*.
  virtual int64_t layer_of(const std::string& parameter) const;
};

// The encoder that config.json describes, weights not yet set: initialize() or load_published() fills them. By model_type: deberta-v2 (v3
// models carry it too), bert, roberta, xlm-roberta, mpnet. Throws ConfigError naming key, value and what is supported.
std::shared_ptr<TextEncoder> make_text_encoder(const nlohmann::json& config);

// A folder as transformers saves it: config.json and weights. Throws CheckpointError, or ConfigError for a config that is not supported.
std::shared_ptr<TextEncoder> load_text_encoder(const std::filesystem::path& folder);

// config.json of a model folder. Throws CheckpointError where it is missing or no JSON object.
nlohmann::json read_model_config(const std::filesystem::path& folder);

// Input of every text encoder: throws ShapeError, `model` first, unless ids are [B, L >= 1] int64, the mask has their shape and
// L <= longest (0: any).
void check_text_input(const char* model, const at::Tensor& input_ids, const at::Tensor& attention_mask, int64_t longest);

}  // namespace infig
