// BERT (Devlin et al. 2019) and the encoders that differ from it in little: RoBERTa (Liu et al. 2019; XLM-R is one) in its positions,
// MPNet (Song et al. 2020) in a bias of relative positions, ELECTRA (Clark et al. 2020) in embeddings of a width of their own, DistilBERT
// (Sanh et al. 2019) in the absence of token types. Parameter names as transformers' BertModel, RobertaModel, MPNetModel, ElectraModel and
// DistilBertModel publish them, without the pooler.
// The modules are in bert.cpp, options and config.json in bert_options.cpp.
#pragma once

#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "encoders/text_encoder.h"
#include "nn/transformer.h"

namespace infig {

enum class BertKind { kBert, kRoberta, kMpnet, kElectra, kDistilBert };

struct BertOptions {  // names and meaning as in transformers' BertConfig; RobertaConfig, MPNetConfig, ElectraConfig and DistilBertConfig
  BertKind kind = BertKind::kBert;
  std::string model_type = "bert";  // as config.json has it: XLM-R is a kRoberta
  int64_t vocab_size = 30522;
  int64_t hidden_size = 768;
  int64_t num_hidden_layers = 12;
  int64_t num_attention_heads = 12;  // divides hidden_size
  int64_t intermediate_size = 3072;
  Activation hidden_act = Activation::kGelu;
  double hidden_dropout_prob = 0.1;           // [0, 1)
  double attention_probs_dropout_prob = 0.1;  // [0, 1)
  int64_t max_position_embeddings = 512;
  int64_t type_vocab_size = 2;  // row 0 of token_type_embeddings is added to every token; MPNet and DistilBERT have none
  int64_t embedding_size = 0;   // ELECTRA: width of the embeddings, which are projected to hidden_size where it differs; 0: hidden_size
  bool sinusoidal_positions = false;  // DistilBERT's sinusoidal_pos_embds: fixed positions, which are not trained
  double layer_norm_eps = 1e-12;
  double initializer_range = 0.02;              // for random initial weights
  int64_t pad_token_id = 0;                     // its embedding gets no gradient
  int64_t relative_attention_num_buckets = 32;  // MPNet: rows of relative_attention_bias; it uses 32 of them whatever stands here
  bool has_token_types() const { return kind != BertKind::kMpnet && kind != BertKind::kDistilBert; }
  int64_t embedding_width() const { return embedding_size > 0 ? embedding_size : hidden_size; }
  // RoBERTa and MPNet number their positions from padding_position() + 1; padding has that position itself, in MPNet 1 whatever
  // pad_token_id says.
  bool counts_from_padding() const { return kind == BertKind::kRoberta || kind == BertKind::kMpnet; }
  int64_t padding_position() const { return kind == BertKind::kMpnet ? 1 : pad_token_id; }
  int64_t max_length() const { return counts_from_padding() ? max_position_embeddings - padding_position() - 1 : max_position_embeddings; }
  TransformerLayerOptions layer() const;
  void validate() const;  // throws ConfigError
};

// config.json as transformers writes and reads it; absent keys get transformers' defaults for its model_type. Throws ConfigError for a
// wrong type, a value out of range, or what is not supported: decoders, position_embedding_type other than absolute.
nlohmann::json to_json(const BertOptions& options);
BertOptions bert_options_from_json(const nlohmann::json& json);

// Bucket of each distance j - i, MPNet's (and T5's) rule for 32 buckets: 16 for either direction, of them 8 for the distances 0 to 7 and 8
// logarithmic ones up to 128. deltas [n] int64 -> [n] int64. In float32, as the published code computes it.
at::Tensor mpnet_buckets(const at::Tensor& deltas);

// x_0 = LN(word + position + type), in ELECTRA projected to hidden_size; then the layers of nn/transformer.h.
// Positions: BERT, ELECTRA and DistilBERT 0, 1, 2, ...; RoBERTa and MPNet p + k for the k-th id that is not p, the padding position p
// itself for ids that are. MPNet adds b_{h, bucket(j - i)} to the scores of head h, computed once a call for all layers.
class BertModelImpl : public TextEncoder {
 public:
  explicit BertModelImpl(const BertOptions& options);
  // See TextEncoder. Padding attends to the tokens, as in transformers. Throws ShapeError.
  std::vector<at::Tensor> forward(const at::Tensor& input_ids, const at::Tensor& attention_mask, DropoutSource* source) override;
  // initialize_transformer() with initializer_range; the rows of padding are zero.
  void initialize(uint64_t seed) override;

  int64_t hidden_size() const override { return options_.hidden_size; }
  int64_t num_hidden_layers() const override { return options_.num_hidden_layers; }
  int64_t num_attention_heads() const override { return options_.num_attention_heads; }
  int64_t vocab_size() const override { return options_.vocab_size; }
  int64_t pad_token_id() const override { return options_.pad_token_id; }
  int64_t max_length() const override { return options_.max_length(); }
  nlohmann::json config() const override;
  const WeightNames& names() const override;
  const BertOptions& options() const { return options_; }

 private:
  at::Tensor embed(const at::Tensor& input_ids, DropoutSource* source);
  at::Tensor bias(const at::Tensor& attention_mask) const;

  BertOptions options_;
  at::Tensor word_embeddings_, position_embeddings_, token_type_embeddings_, relative_attention_bias_;
  torch::nn::LayerNorm norm_{nullptr};
  torch::nn::Linear projection_{nullptr};
  torch::nn::ModuleList layers_;
};
TORCH_MODULE(BertModel);

}  // namespace infig
