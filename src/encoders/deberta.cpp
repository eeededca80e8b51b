#include "encoders/deberta.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/error.h"
#include "nn/initialize.h"

namespace infig {
namespace {

// A table under NAME.weight. Zero at first: torch's own Embedding would draw 98 million normals only to have them overwritten.
at::Tensor add_table(torch::nn::Module& parent, const std::string& name, int64_t rows, int64_t width) {
  return add_scope(parent, name)->register_parameter("weight", at::zeros({rows, width}));
}

torch::nn::LayerNorm layer_norm(const DebertaOptions& options) {
  return torch::nn::LayerNorm(torch::nn::LayerNormOptions({options.hidden_size}).eps(options.layer_norm_eps));
}

DisentangledAttentionOptions attention_options(const DebertaOptions& options) {
  return {.hidden_size = options.hidden_size,
          .num_attention_heads = options.num_attention_heads,
          .hidden_dropout_prob = options.hidden_dropout_prob,
          .attention_probs_dropout_prob = options.attention_probs_dropout_prob,
          .relative_attention = options.relative_attention,
          .c2p = options.pos_att_c2p,
          .p2c = options.pos_att_p2c,
          .share_att_key = options.share_att_key};
}

}  // namespace

DebertaLayerImpl::DebertaLayerImpl(const DebertaOptions& options) : hidden_act_(options.hidden_act) {
  const int64_t hidden = options.hidden_size;
  const auto attention = add_scope(*this, "attention");
  self_ = attention->register_module("self", DisentangledAttention(attention_options(options)));
  attention_output_ =
      attention->register_module("output", ResidualOutput(hidden, hidden, options.hidden_dropout_prob, options.layer_norm_eps));
  intermediate_ = add_scope(*this, "intermediate")->register_module("dense", torch::nn::Linear(hidden, options.intermediate_size));
  output_ =
      register_module("output", ResidualOutput(options.intermediate_size, hidden, options.hidden_dropout_prob, options.layer_norm_eps));
}

at::Tensor DebertaLayerImpl::forward(const at::Tensor& x, const at::Tensor& blocked, const at::Tensor& rows,
                                     const RelativePositions& positions, DropoutSource* source) {
  const at::Tensor hidden = attention_output_->forward(self_->forward(x, blocked, rows, positions, source), x, source);
  return output_->forward(activate(intermediate_->forward(hidden), hidden_act_), hidden, source);
}

DebertaModelImpl::DebertaModelImpl(const DebertaOptions& options) : options_(options) {
  options.validate();
  const auto embeddings = add_scope(*this, "embeddings");
  word_embeddings_ = add_table(*embeddings, "word_embeddings", options.vocab_size, options.hidden_size);
  if (options.position_biased_input) {
    position_embeddings_ = add_table(*embeddings, "position_embeddings", options.max_position_embeddings, options.hidden_size);
  }
  if (options.type_vocab_size > 0) {
    token_type_embeddings_ = add_table(*embeddings, "token_type_embeddings", options.type_vocab_size, options.hidden_size);
  }
  embeddings_norm_ = embeddings->register_module("LayerNorm", layer_norm(options));
  const auto encoder = add_scope(*this, "encoder");
  layers_ = encoder->register_module("layer", torch::nn::ModuleList());
  for (int64_t n = 0; n < options.num_hidden_layers; ++n) layers_->push_back(DebertaLayer(options));
  if (options.relative_attention) rel_embeddings_ = add_table(*encoder, "rel_embeddings", options.relative_rows(), options.hidden_size);
  if (options.norm_rel_ebd_layer_norm) relative_norm_ = encoder->register_module("LayerNorm", layer_norm(options));
}

void DebertaModelImpl::initialize(uint64_t seed) {
  initialize_transformer(*this, options_.initializer_range, seed);
  const at::NoGradGuard no_grad;
  const double range = options_.embedding_initializer_range;
  if (range > 0) word_embeddings_.mul_(range / options_.initializer_range);
  word_embeddings_[options_.pad_token_id].zero_();
}

void DebertaModelImpl::check(const at::Tensor& input_ids, const at::Tensor& attention_mask) const {
  if (input_ids.dim() != 2 || input_ids.size(1) < 1 || input_ids.scalar_type() != at::kLong) {
    throw ShapeError(fmt::format("DeBERTa: expected input_ids [B, L] int64 with L >= 1, found [{}] {}", fmt::join(input_ids.sizes(), ", "),
                                 c10::toString(input_ids.scalar_type())));
  }
  if (attention_mask.sizes() != input_ids.sizes()) {
    throw ShapeError(fmt::format("DeBERTa: expected attention_mask of the shape of input_ids [{}], found [{}]",
                                 fmt::join(input_ids.sizes(), ", "), fmt::join(attention_mask.sizes(), ", ")));
  }
  if (options_.position_biased_input && input_ids.size(1) > options_.max_position_embeddings) {
    throw ShapeError(fmt::format("DeBERTa: texts have {} tokens but max_position_embeddings is {}; cut the texts", input_ids.size(1),
                                 options_.max_position_embeddings));
  }
}

at::Tensor DebertaModelImpl::embed(const at::Tensor& input_ids, const at::Tensor& attention_mask, DropoutSource* source) {
  at::Tensor sum = at::embedding(word_embeddings_, input_ids, options_.pad_token_id);
  if (position_embeddings_.defined()) sum = sum + position_embeddings_.narrow(0, 0, input_ids.size(1));
  if (token_type_embeddings_.defined()) sum = sum + token_type_embeddings_[0];
  const at::Tensor normed = embeddings_norm_->forward(sum);
  return dropout(normed * attention_mask.unsqueeze(2).to(normed.scalar_type()), options_.hidden_dropout_prob, source);
}

std::vector<at::Tensor> DebertaModelImpl::forward(const at::Tensor& input_ids, const at::Tensor& attention_mask, DropoutSource* source) {
  check(input_ids, attention_mask);
  std::vector<at::Tensor> states = {embed(input_ids, attention_mask, source)};
  at::Tensor blocked, rows;
  const at::Tensor tokens = attention_mask.to(at::kBool);
  // A batch without padding is common (short texts sorted by length, single posts): then no pass over [B, H, L, L] is spent on masks.
  if (!tokens.all().item<bool>()) blocked = at::logical_and(tokens.unsqueeze(2), tokens.unsqueeze(1)).logical_not_();
  RelativePositions positions;
  if (options_.relative_attention && (options_.pos_att_c2p || options_.pos_att_p2c)) {
    positions = relative_positions(input_ids.size(1), options_.position_buckets, options_.relative_range(), input_ids.device());
    rows = rel_embeddings_.narrow(0, positions.first, positions.count);
    if (options_.norm_rel_ebd_layer_norm) rows = relative_norm_->forward(rows);
  }
  for (const auto& layer : *layers_) {
    states.push_back(layer->as<DebertaLayer>()->forward(states.back(), blocked, rows, positions, source));
  }
  return states;
}

}  // namespace infig
