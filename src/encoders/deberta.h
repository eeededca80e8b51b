// DeBERTa v2/v3: disentangled attention with log-bucketed relative positions (He et al. 2021). Parameter names as
// transformers' DebertaV2Model publishes them (embeddings.word_embeddings.weight, encoder.layer.N.attention.self.query_proj.weight,
// encoder.rel_embeddings.weight, encoder.LayerNorm.weight, ...).
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>
#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include "nn/dropout.h"
#include "nn/transformer.h"

namespace infig {

struct DebertaOptions {  // names and meaning as in transformers' DebertaV2Config
  int64_t vocab_size = 128100;
  int64_t hidden_size = 768;
  int64_t num_hidden_layers = 12;
  int64_t num_attention_heads = 12;
  int64_t intermediate_size = 3072;
  Activation hidden_act = Activation::kGelu;
  double hidden_dropout_prob = 0.1;
  double attention_probs_dropout_prob = 0.1;
  int64_t max_position_embeddings = 512;
  int64_t type_vocab_size = 0;
  double layer_norm_eps = 1e-7;
  double initializer_range = 0.02;
  bool relative_attention = true;
  int64_t max_relative_positions = -1;  // -1: max_position_embeddings
  int64_t position_buckets = 256;       // -1: no log buckets
  bool pos_att_c2p = true;              // pos_att_type holds "c2p"
  bool pos_att_p2c = true;              // pos_att_type holds "p2c"
  bool share_att_key = true;
  bool norm_rel_ebd_layer_norm = true;  // norm_rel_ebd holds "layer_norm"
  bool position_biased_input = false;
  int64_t pad_token_id = 0;
  void validate() const;  // throws ConfigError
};

nlohmann::json to_json(const DebertaOptions& options);             // config.json as transformers writes it
DebertaOptions deberta_options_from_json(const nlohmann::json& json);  // throws ConfigError for a switch that is not supported

class DebertaModelImpl : public torch::nn::Module {
 public:
  explicit DebertaModelImpl(const DebertaOptions& options);
  // input_ids, attention_mask [B, L] int64. Returns the n + 1 hidden states [B, L, D]: embeddings first, last_hidden_state last.
  // The projections of the relative positions are computed once a layer and call, never once a post. Throws ShapeError.
  std::vector<at::Tensor> forward(const at::Tensor& input_ids, const at::Tensor& attention_mask, DropoutSource* source);
  const DebertaOptions& options() const { return options_; }

 private:
  DebertaOptions options_;
  // (members)
};
TORCH_MODULE(DebertaModel);

}  // namespace infig
