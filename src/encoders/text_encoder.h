// The interface of text towers: ids in, hidden states of every layer out. The models are listed once, in text_encoders.h.
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
  virtual int64_t max_length() const = 0;        // longest text in tokens, special ones included
  virtual nlohmann::json config() const = 0;     // config.json as transformers writes it; make_text_encoder() reads it back
  virtual const WeightNames& names() const = 0;  // the names of its weights in published checkpoints
  // The layer of a parameter of this module: 1 .. num_hidden_layers(); 0 for parameters below all layers (embeddings, and those all layers
  // share). Found by layer.N.* or layers.N.* in the name.
  virtual int64_t layer_of(const std::string& parameter) const;
};

// The encoder that config.json describes by its model_type (text_encoders.h), weights not yet set: initialize() or load_published() fills
// them. Throws ConfigError naming key, value and what is supported.
std::shared_ptr<TextEncoder> make_text_encoder(const nlohmann::json& config);

// A folder as transformers saves it: config.json and weights. Throws CheckpointError, or ConfigError for a config that is not supported.
std::shared_ptr<TextEncoder> load_text_encoder(const std::filesystem::path& folder);

// config.json of a model folder. Throws CheckpointError where it is missing or no JSON object.
nlohmann::json read_model_config(const std::filesystem::path& folder);

// Checks the input of a text encoder: throws ShapeError, whose message begins with `model`, unless ids are [B, L >= 1] int64, the mask has
// their shape and L <= longest (0: any).
void check_text_input(const char* model, const at::Tensor& input_ids, const at::Tensor& attention_mask, int64_t longest);

}  // namespace infig
