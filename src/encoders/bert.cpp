#include "encoders/bert.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "nn/initialize.h"
#include "nn/linear.h"
#include "nn/recompute.h"

namespace infig {
namespace {

// The parts of published checkpoints that an encoder has no use for, and names that have changed since.
const WeightNames kBertNames = {
    .prefixes = {"bert.", "roberta.", "mpnet.", "electra.", "distilbert.", "model."},
    .endings = {{"LayerNorm.gamma", "LayerNorm.weight"}, {"LayerNorm.beta", "LayerNorm.bias"}},
    .other_parts = {"pooler.", "cls.", "lm_head.", "classifier.", "qa_outputs.", "vocab_transform.", "vocab_layer_norm.",
                    "vocab_projector.", "pre_classifier.", "discriminator_predictions.", "generator_predictions.", "generator_lm_head."},
    .other_endings = {"embeddings.position_ids", "embeddings.token_type_ids"}};

constexpr int64_t kMpnetBuckets = 32, kMpnetDistance = 128;

// Zero at first: initialize() or a checkpoint fills it.
at::Tensor add_bert_table(torch::nn::Module& parent, const std::string& name, int64_t rows, int64_t width) {
  return add_scope(parent, name)->register_parameter("weight", at::zeros({rows, width}));
}

// PE(p, 2i) = sin(p / 10000^(2i/d)), PE(p, 2i + 1) = cos(the same): [rows, width] float.
at::Tensor sinusoids(int64_t rows, int64_t width) {
  const at::Tensor column = at::arange(width, at::kDouble);
  const at::Tensor rate = at::pow(10000.0, at::floor(column / 2) * (-2.0 / static_cast<double>(width)));
  const at::Tensor angle = at::arange(rows, at::kDouble).unsqueeze(1) * rate;
  return at::where(column.remainder(2).eq(0), angle.sin(), angle.cos()).to(at::kFloat);
}

}  // namespace

at::Tensor mpnet_buckets(const at::Tensor& deltas) {
  constexpr int64_t kHalf = kMpnetBuckets / 2, kExact = kHalf / 2;
  const at::Tensor distance = deltas.abs();
  const at::Tensor logarithm = at::log(distance.to(at::kFloat) / kExact) / std::log(static_cast<double>(kMpnetDistance) / kExact);
  // The logarithm of distance 0 is infinite and not used; clamping keeps its conversion to an integer defined.
  const at::Tensor far = (kExact + (logarithm * (kHalf - kExact)).clamp_min(0).to(at::kLong)).clamp_max(kHalf - 1);
  return at::where(distance.lt(kExact), distance, far) + deltas.gt(0).to(at::kLong) * kHalf;
}

BertModelImpl::BertModelImpl(const BertOptions& options) : options_(options) {
  options.validate();
  const auto embeddings = add_scope(*this, "embeddings");
  word_embeddings_ = add_bert_table(*embeddings, "word_embeddings", options.vocab_size, options.embedding_width());
  position_embeddings_ = add_bert_table(*embeddings, "position_embeddings", options.max_position_embeddings, options.embedding_width());
  if (options.sinusoidal_positions) position_embeddings_.set_requires_grad(false);
  if (options.has_token_types()) {
    token_type_embeddings_ = add_bert_table(*embeddings, "token_type_embeddings", options.type_vocab_size, options.embedding_width());
  }
  norm_ = embeddings->register_module(
      "LayerNorm", torch::nn::LayerNorm(torch::nn::LayerNormOptions({options.embedding_width()}).eps(options.layer_norm_eps)));
  if (options.embedding_width() != options.hidden_size) {
    projection_ = register_module("embeddings_project", linear(options.embedding_width(), options.hidden_size));
  }
  const auto encoder = add_scope(*this, options.kind == BertKind::kDistilBert ? "transformer" : "encoder");
  layers_ = encoder->register_module("layer", torch::nn::ModuleList());
  for (int64_t n = 0; n < options.num_hidden_layers; ++n) layers_->push_back(TransformerLayer(options.layer()));
  if (options.kind == BertKind::kMpnet) {
    relative_attention_bias_ =
        add_bert_table(*encoder, "relative_attention_bias", options.relative_attention_num_buckets, options.num_attention_heads);
  }
}

void BertModelImpl::initialize(uint64_t seed) {
  initialize_transformer(*this, options_.initializer_range, seed);
  const at::NoGradGuard no_grad;
  word_embeddings_[options_.pad_token_id].zero_();
  if (options_.counts_from_padding()) position_embeddings_[options_.padding_position()].zero_();
  if (options_.sinusoidal_positions) position_embeddings_.copy_(sinusoids(options_.max_position_embeddings, options_.embedding_width()));
}

nlohmann::json BertModelImpl::config() const { return to_json(options_); }

const WeightNames& BertModelImpl::names() const { return kBertNames; }

at::Tensor BertModelImpl::embed(const at::Tensor& input_ids, DropoutSource* source) {
  const int64_t padding = options_.kind == BertKind::kMpnet ? options_.padding_position() : options_.pad_token_id;
  at::Tensor sum = at::embedding(word_embeddings_, input_ids, padding);
  if (token_type_embeddings_.defined()) sum = sum + token_type_embeddings_[0];
  if (!options_.counts_from_padding()) {
    sum = sum + position_embeddings_.narrow(0, 0, input_ids.size(1));
  } else {
    const int64_t first = options_.padding_position();
    const at::Tensor counted = input_ids.ne(first).to(at::kLong);
    sum = sum + at::embedding(position_embeddings_, counted.cumsum(1) * counted + first, first);
  }
  const at::Tensor embedded = dropout(norm_->forward(sum), options_.hidden_dropout_prob, source);
  return projection_.is_empty() ? embedded : projection_->forward(embedded);
}

at::Tensor BertModelImpl::bias(const at::Tensor& attention_mask) const {
  at::Tensor bias;
  // A batch without padding is common (texts sorted by length, single posts): then no score is touched for a mask. Asking a GPU would
  // cost more, since it must first finish everything before.
  if (!attention_mask.device().is_cpu() || !attention_mask.all().item<bool>()) bias = attention_bias(attention_mask);
  if (options_.kind != BertKind::kMpnet) return bias;
  const int64_t length = attention_mask.size(1);
  const at::Tensor steps = at::arange(length, attention_mask.options().dtype(at::kLong));
  // Buckets of the 2 L - 1 distances, spread to [L, L]: row i, column j is distance j - i.
  const at::Tensor buckets = mpnet_buckets(at::arange(1 - length, length, steps.options()));
  const at::Tensor index = buckets.index_select(0, (steps.unsqueeze(0) - steps.unsqueeze(1) + (length - 1)).flatten());
  const at::Tensor relative =
      relative_attention_bias_.t().contiguous().index_select(1, index).view({1, options_.num_attention_heads, length, length});
  return bias.defined() ? relative + bias : relative;
}

std::vector<at::Tensor> BertModelImpl::forward(const at::Tensor& input_ids, const at::Tensor& attention_mask, DropoutSource* source) {
  check_text_input(options_.model_type.c_str(), input_ids, attention_mask, options_.max_length());
  std::vector<at::Tensor> states = {embed(input_ids, source)};
  const at::Tensor scores_bias = bias(attention_mask);
  for (const auto& layer : *layers_) {
    states.push_back(recomputable([one = layer->as<TransformerLayer>()](const at::Tensor& x, const at::Tensor& add,
                                                                        DropoutSource* from) { return one->forward(x, add, from); },
                                  states.back(), scores_bias, source));
  }
  return states;
}

}  // namespace infig
