// ModernBERT (Warner et al. 2024): rotary positions, layers that attend to all tokens between layers that attend to a window, GeGLU,
// LayerNorm before each sublayer. Parameter names as transformers' ModernBertModel publishes them.
// The modules are in modernbert.cpp, options and config.json in modernbert_options.cpp.
#pragma once

#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "encoders/text_encoder.h"
#include "nn/activation.h"
#include "nn/packed_linear.h"

namespace infig {

struct ModernBertOptions {  // meaning as in transformers' ModernBertConfig
  int64_t vocab_size = 50368;
  int64_t hidden_size = 768;
  int64_t num_hidden_layers = 22;
  int64_t num_attention_heads = 12;           // divides hidden_size; the width of a head is even
  int64_t intermediate_size = 1152;           // of the gated feed-forward part
  Activation hidden_act = Activation::kGelu;  // hidden_activation
  double hidden_dropout_prob = 0.0;           // [0, 1): embedding_dropout and mlp_dropout
  double attention_probs_dropout_prob = 0.0;  // [0, 1): attention_dropout, of the probabilities and of the attention's output
  int64_t max_position_embeddings = 8192;     // longest text; positions have no table
  double layer_norm_eps = 1e-5;               // norm_eps
  bool norm_bias = false, attention_bias = false, mlp_bias = false;
  double initializer_range = 0.02;  // for random initial weights
  int64_t pad_token_id = 50283;     // its embedding gets no gradient
  int64_t local_attention = 128;    // a local layer's token i attends to the tokens j with |i - j| <= local_attention / 2
  std::vector<bool> global = {};    // of each layer: attends to all tokens. Empty: layers 0, 3, 6, ...
  double global_rope_theta = 160000.0, local_rope_theta = 10000.0;  // rotary base of either kind of layer
  bool is_global(int64_t layer) const;
  void validate() const;  // throws ConfigError
};

// config.json as transformers writes it; absent keys are transformers' defaults. Throws ConfigError for a missing object, a wrong type, a
// value out of range, or what is not supported: rope_type other than "default".
nlohmann::json to_json(const ModernBertOptions& options);
ModernBertOptions modernbert_options_from_json(const nlohmann::json& json);

// LayerNorm with an optional bias. Parameters weight [D] and, with a bias, bias [D].
class OptionalBiasNormImpl : public torch::nn::Module {
 public:
  OptionalBiasNormImpl(int64_t width, double eps, bool bias);
  at::Tensor forward(const at::Tensor& x) const;

 private:
  double eps_;
  at::Tensor weight_, bias_;
};
TORCH_MODULE(OptionalBiasNorm);

// cos and sin of p theta^(-2i/d) for positions p = 0 .. length - 1 and columns i = 0 .. d/2 - 1, the columns twice side by side: [L, d].
struct RotaryTable {
  at::Tensor cos, sin;
};
RotaryTable rotary_table(int64_t length, int64_t head_size, double theta, const at::TensorOptions& type);
// x [.., L, d] -> x cos + rotate(x) sin, where rotate([a, b]) = [-b, a] for the halves a, b of the last dimension.
at::Tensor rotate_positions(const at::Tensor& x, const RotaryTable& table);

// h = x + Wo Attention(LN(x)); y = h + W_o(act(u) * g), [u, g] = W_i LN(h). The first layer has no LayerNorm before its attention: the
// embeddings have one.
class ModernBertLayerImpl : public torch::nn::Module {
 public:
  ModernBertLayerImpl(const ModernBertOptions& options, int64_t layer);
  // x [B, L, D]; bias as in nn/attention.h; table in x's type. Returns [B, L, D].
  at::Tensor forward(const at::Tensor& x, const at::Tensor& bias, const RotaryTable& table, DropoutSource* source);

 private:
  double hidden_dropout_, attention_dropout_;
  int64_t heads_;
  Activation activation_;
  OptionalBiasNorm attention_norm_{nullptr}, mlp_norm_{nullptr};
  torch::nn::Linear qkv_{nullptr}, attention_out_{nullptr}, mlp_in_{nullptr}, mlp_out_{nullptr};
  PackedLinear packed_qkv_, packed_attention_out_, packed_mlp_in_, packed_mlp_out_;
};
TORCH_MODULE(ModernBertLayer);

// x_0 = LN(word); then the layers. The last hidden state goes through final_norm, as last_hidden_state does in transformers.
class ModernBertModelImpl : public TextEncoder {
 public:
  explicit ModernBertModelImpl(const ModernBertOptions& options);
  // See TextEncoder. What stands at padding means nothing. Throws ShapeError.
  std::vector<at::Tensor> forward(const at::Tensor& input_ids, const at::Tensor& attention_mask, DropoutSource* source) override;
  // initialize_transformer() with initializer_range; the row of padding is zero.
  void initialize(uint64_t seed) override;

  int64_t hidden_size() const override { return options_.hidden_size; }
  int64_t num_hidden_layers() const override { return options_.num_hidden_layers; }
  int64_t num_attention_heads() const override { return options_.num_attention_heads; }
  int64_t vocab_size() const override { return options_.vocab_size; }
  int64_t pad_token_id() const override { return options_.pad_token_id; }
  int64_t max_length() const override { return options_.max_position_embeddings; }
  nlohmann::json config() const override;
  const WeightNames& names() const override;
  int64_t layer_of(const std::string& parameter) const override;
  const ModernBertOptions& options() const { return options_; }

 private:
  at::Tensor local_bias(const at::Tensor& attention_mask, bool padded) const;

  ModernBertOptions options_;
  at::Tensor word_embeddings_;
  OptionalBiasNorm embeddings_norm_{nullptr}, final_norm_{nullptr};
  torch::nn::ModuleList layers_;
};
TORCH_MODULE(ModernBertModel);

}  // namespace infig
