// DeBERTa v2/v3: disentangled attention with log-bucketed relative positions (He et al. 2021). Parameter names as
// transformers' DebertaV2Model publishes them (embeddings.word_embeddings.weight, encoder.layer.N.attention.self.query_proj.weight,
// encoder.rel_embeddings.weight, encoder.LayerNorm.weight, ...).
// The modules are in deberta.cpp, options and config.json in deberta_options.cpp.
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/normalization.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "encoders/text_encoder.h"
#include "nn/disentangled_attention.h"
#include "nn/dropout.h"
#include "nn/transformer.h"

namespace infig {

struct DebertaOptions {  // names and meaning as in transformers' DebertaV2Config
  int64_t vocab_size = 128100;
  int64_t hidden_size = 768;
  int64_t embedding_size = 0;  // width of the embedding tables; 0: hidden_size. Another width goes through embeddings.embed_proj
  int64_t num_hidden_layers = 12;
  int64_t num_attention_heads = 12;  // divides hidden_size
  int64_t intermediate_size = 3072;
  Activation hidden_act = Activation::kGelu;
  double hidden_dropout_prob = 0.1;           // [0, 1)
  double attention_probs_dropout_prob = 0.1;  // [0, 1)
  int64_t max_position_embeddings = 512;
  int64_t type_vocab_size = 0;  // > 0: row 0 of token_type_embeddings is added to every token
  double layer_norm_eps = 1e-7;
  double initializer_range = 0.02;         // for random initial weights
  double embedding_initializer_range = 0;  // of the word embeddings; 0: initializer_range. Ours: not in config.json
  bool relative_attention = true;
  int64_t max_relative_positions = -1;  // < 1: max_position_embeddings
  int64_t position_buckets = 256;       // < 1: no log buckets
  bool pos_att_c2p = true;              // pos_att_type holds "c2p"
  bool pos_att_p2c = true;              // pos_att_type holds "p2c"
  bool share_att_key = true;
  bool norm_rel_ebd_layer_norm = true;  // norm_rel_ebd holds "layer_norm"
  bool position_biased_input = false;   // absolute positions are added to the embeddings; then L <= max_position_embeddings
  int64_t conv_kernel_size = 0;         // odd: a convolution over tokens beside the first layer (the v2 xlarge models); 0: none
  int64_t conv_groups = 1;              // divides hidden_size
  Activation conv_act = Activation::kTanh;
  int64_t pad_token_id = 0;  // its embedding gets no gradient
  int64_t embedding_width() const { return embedding_size > 0 ? embedding_size : hidden_size; }
  int64_t relative_range() const { return max_relative_positions < 1 ? max_position_embeddings : max_relative_positions; }
  int64_t relative_rows() const { return 2 * (position_buckets > 0 ? position_buckets : relative_range()); }  // rows of rel_embeddings
  void validate() const;                                                                                      // throws ConfigError
};

// config.json as transformers writes and reads it. Absent keys get transformers' defaults, which are not the defaults above (which are
// deberta-v3's). Throws ConfigError for a wrong type, a value out of range, another model_type or an unknown activation, and for an
// attention_head_size other than hidden_size / num_attention_heads, which fits no output projection in the published code either.
nlohmann::json to_json(const DebertaOptions& options);
DebertaOptions deberta_options_from_json(const nlohmann::json& json);

// attention.self.* (disentangled), attention.output.*, intermediate.dense.*, output.*
class DebertaLayerImpl : public torch::nn::Module {
 public:
  explicit DebertaLayerImpl(const DebertaOptions& options);
  at::Tensor forward(const at::Tensor& x, const at::Tensor& blocked, const at::Tensor& rows, const RelativePositions& positions,
                     DropoutSource* source);
  // See DisentangledAttentionImpl::forward_packed.
  bool usable(const at::Tensor& x) const { return self_->usable(x); }
  at::Tensor forward_packed(const at::Tensor& x, const at::Tensor& mask, const at::Tensor& table, const RelativePositions& positions);

 private:
  DisentangledAttention self_{nullptr};
  ActivatedLinear intermediate_;
  ResidualOutput attention_output_{nullptr}, output_{nullptr};
};
TORCH_MODULE(DebertaLayer);

// conv.* and LayerNorm.*: y = m LN(h + act(dropout(m Conv(x)))), x the embeddings, h the first layer's output, m the attention mask.
class DebertaConvolutionImpl : public torch::nn::Module {
 public:
  explicit DebertaConvolutionImpl(const DebertaOptions& options);
  // x, h [B, L, D] float; attention_mask [B, L] int64.
  at::Tensor forward(const at::Tensor& x, const at::Tensor& h, const at::Tensor& attention_mask, DropoutSource* source);

 private:
  double dropout_prob_;
  int64_t groups_;
  Activation activation_;
  at::Tensor weight_, bias_;  // [D, D / groups, kernel], [D]
  torch::nn::LayerNorm norm_{nullptr};
};
TORCH_MODULE(DebertaConvolution);

class DebertaModelImpl : public TextEncoder {
 public:
  // Weights of the embeddings start at zero and the others at torch's defaults: initialize() or load_state_dict() fills them.
  explicit DebertaModelImpl(const DebertaOptions& options);
  // Random initial weights: initialize_transformer() with initializer_range; the embedding of pad_token_id is zero.
  void initialize(uint64_t seed) override;
  // input_ids, attention_mask [B, L] int64, 1 <= L. Returns the n + 1 hidden states [B, L, D] float: embeddings first, last_hidden_state
  // last. Padding is defined as in transformers: its embedding is zero, and its rows attend to all L positions alike; tokens never see it.
  // The projections of the relative positions are computed once a layer and call, never once a post, and only for the distances that
  // L tokens have. Without position_biased_input L may be larger than max_length(). Throws ShapeError; torch reports ids outside of the
  // vocabulary.
  std::vector<at::Tensor> forward(const at::Tensor& input_ids, const at::Tensor& attention_mask, DropoutSource* source) override;

  int64_t hidden_size() const override { return options_.hidden_size; }
  int64_t num_hidden_layers() const override { return options_.num_hidden_layers; }
  int64_t num_attention_heads() const override { return options_.num_attention_heads; }
  int64_t vocab_size() const override { return options_.vocab_size; }
  int64_t pad_token_id() const override { return options_.pad_token_id; }
  int64_t max_length() const override { return options_.max_position_embeddings; }
  nlohmann::json config() const override;
  const WeightNames& names() const override;
  const DebertaOptions& options() const { return options_; }

 private:
  struct Table;
  at::Tensor position_table();
  std::shared_ptr<const RelativePositions> positions_of(int64_t length, const at::Device& device, bool keep);
  at::Tensor embed(const at::Tensor& input_ids, const at::Tensor& attention_mask, DropoutSource* source);
  DebertaOptions options_;
  at::Tensor word_embeddings_, position_embeddings_, token_type_embeddings_, rel_embeddings_;
  torch::nn::Linear embed_projection_{nullptr};  // none where the tables are as wide as the hidden states
  torch::nn::LayerNorm embeddings_norm_{nullptr}, relative_norm_{nullptr};
  DebertaConvolution convolution_{nullptr};
  torch::nn::ModuleList layers_;
  std::shared_ptr<Table> table_;
};
TORCH_MODULE(DebertaModel);

}  // namespace infig
