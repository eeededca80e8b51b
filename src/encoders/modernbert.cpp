#include "encoders/modernbert.h"

#include <ATen/ATen.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "nn/attention.h"
#include "nn/initialize.h"
#include "nn/linear.h"
#include "nn/recompute.h"
#include "nn/transformer.h"

namespace infig {
namespace {

// The parts of published checkpoints that an encoder has no use for.
const WeightNames kModernBertNames = {
    .prefixes = {"model."}, .endings = {}, .other_parts = {"head.", "decoder.", "classifier."}, .other_endings = {}};

at::Tensor linear_of(torch::nn::Linear& layer, const PackedLinear& packed, const at::Tensor& x) {
  return packed.usable(x) ? packed.forward(x) : layer->forward(x);
}

}  // namespace

OptionalBiasNormImpl::OptionalBiasNormImpl(int64_t width, double eps, bool bias) : eps_(eps) {
  weight_ = register_parameter("weight", at::ones({width}));
  if (bias) bias_ = register_parameter("bias", at::zeros({width}));
}

at::Tensor OptionalBiasNormImpl::forward(const at::Tensor& x) const {
  const std::optional<at::Tensor> bias = bias_.defined() ? std::optional<at::Tensor>(bias_) : std::nullopt;
  return at::layer_norm(x, {weight_.size(0)}, weight_, bias, eps_);
}

RotaryTable rotary_table(int64_t length, int64_t head_size, double theta, const at::TensorOptions& type) {
  const at::TensorOptions single = type.dtype(at::kFloat);  // whatever the precision: positions run to thousands
  const at::Tensor column = at::arange(0, head_size, 2, single) / static_cast<double>(head_size);
  const at::Tensor rate = at::pow(at::full({}, theta, single), column).reciprocal();
  const at::Tensor angle = at::arange(length, single).unsqueeze(1) * rate;
  const at::Tensor both = at::cat({angle, angle}, 1);
  return {.cos = both.cos().to(type.dtype()), .sin = both.sin().to(type.dtype())};
}

at::Tensor rotate_positions(const at::Tensor& x, const RotaryTable& table) {
  const std::vector<at::Tensor> halves = x.chunk(2, -1);
  return x * table.cos + at::cat({-halves[1], halves[0]}, -1) * table.sin;
}

ModernBertLayerImpl::ModernBertLayerImpl(const ModernBertOptions& options, int64_t layer)
    : hidden_dropout_(options.hidden_dropout_prob),
      attention_dropout_(options.attention_probs_dropout_prob),
      heads_(options.num_attention_heads),
      activation_(options.hidden_act) {
  const int64_t hidden = options.hidden_size;
  const auto norm = [&](const char* name) {
    return register_module(name, OptionalBiasNorm(hidden, options.layer_norm_eps, options.norm_bias));
  };
  if (layer > 0) attention_norm_ = norm("attn_norm");
  qkv_ = register_at(*this, "attn.Wqkv", linear(hidden, 3 * hidden, options.attention_bias));
  attention_out_ = register_at(*this, "attn.Wo", linear(hidden, hidden, options.attention_bias));
  mlp_norm_ = norm("mlp_norm");
  mlp_in_ = register_at(*this, "mlp.Wi", linear(hidden, 2 * options.intermediate_size, options.mlp_bias));
  mlp_out_ = register_at(*this, "mlp.Wo", linear(options.intermediate_size, hidden, options.mlp_bias));
  packed_qkv_ = PackedLinear({qkv_});
  packed_attention_out_ = PackedLinear({attention_out_});
  packed_mlp_in_ = PackedLinear({mlp_in_});
  packed_mlp_out_ = PackedLinear({mlp_out_});
}

at::Tensor ModernBertLayerImpl::forward(const at::Tensor& x, const at::Tensor& bias, const RotaryTable& table, DropoutSource* source) {
  const int64_t posts = x.size(0), tokens = x.size(1), size = x.size(2) / heads_;
  const at::Tensor normed = attention_norm_.is_empty() ? x : attention_norm_->forward(x);
  const at::Tensor all = linear_of(qkv_, packed_qkv_, normed).view({posts, tokens, 3, heads_, size}).permute({2, 0, 3, 1, 4});
  const RotaryTable positions = {.cos = table.cos.to(all.scalar_type()), .sin = table.sin.to(all.scalar_type())};
  const at::Tensor context =
      attend(rotate_positions(all[0], positions), rotate_positions(all[1], positions), all[2], bias, attention_dropout_, source);
  const at::Tensor h = x + dropout(linear_of(attention_out_, packed_attention_out_, context), attention_dropout_, source);
  const std::vector<at::Tensor> halves = linear_of(mlp_in_, packed_mlp_in_, mlp_norm_->forward(h)).chunk(2, -1);
  const at::Tensor gated = dropout(activate(halves[0], activation_) * halves[1], hidden_dropout_, source);
  return h + linear_of(mlp_out_, packed_mlp_out_, gated);
}

ModernBertModelImpl::ModernBertModelImpl(const ModernBertOptions& options) : options_((options.validate(), options)) {
  const auto embeddings = add_scope(*this, "embeddings");
  word_embeddings_ =
      add_scope(*embeddings, "tok_embeddings")->register_parameter("weight", at::zeros({options.vocab_size, options.hidden_size}));
  embeddings_norm_ = embeddings->register_module("norm", OptionalBiasNorm(options.hidden_size, options.layer_norm_eps, options.norm_bias));
  layers_ = register_module("layers", torch::nn::ModuleList());
  for (int64_t n = 0; n < options.num_hidden_layers; ++n) layers_->push_back(ModernBertLayer(options, n));
  final_norm_ = register_module("final_norm", OptionalBiasNorm(options.hidden_size, options.layer_norm_eps, options.norm_bias));
}

void ModernBertModelImpl::initialize(uint64_t seed) {
  initialize_transformer(*this, options_.initializer_range, seed);
  const at::NoGradGuard no_grad;
  word_embeddings_[options_.pad_token_id].zero_();
}

nlohmann::json ModernBertModelImpl::config() const { return to_json(options_); }

const WeightNames& ModernBertModelImpl::names() const { return kModernBertNames; }

int64_t ModernBertModelImpl::layer_of(const std::string& parameter) const {
  return parameter.starts_with("final_norm.") ? options_.num_hidden_layers : TextEncoder::layer_of(parameter);
}

// [B, 1, L, L] or [1, 1, L, L]: 0 within the window, lowest outside and at padding. Undefined where nothing is masked.
at::Tensor ModernBertModelImpl::local_bias(const at::Tensor& attention_mask, bool padded) const {
  const int64_t length = attention_mask.size(1), reach = options_.local_attention / 2;
  if (length - 1 <= reach) return padded ? attention_bias(attention_mask) : at::Tensor();
  const at::Tensor steps = at::arange(length, attention_mask.options().dtype(at::kLong));
  at::Tensor allowed = (steps.unsqueeze(0) - steps.unsqueeze(1)).abs().le(reach).view({1, 1, length, length});
  if (padded) allowed = allowed.logical_and(attention_mask.to(at::kBool).view({-1, 1, 1, length}));
  at::Tensor bias = at::zeros(allowed.sizes(), attention_mask.options().dtype(at::kFloat));
  return bias.masked_fill_(allowed.logical_not(), lowest_value(at::kFloat));
}

std::vector<at::Tensor> ModernBertModelImpl::forward(const at::Tensor& input_ids, const at::Tensor& attention_mask, DropoutSource* source) {
  check_text_input("ModernBERT", input_ids, attention_mask, options_.max_position_embeddings);
  const at::Tensor embedded = embeddings_norm_->forward(at::embedding(word_embeddings_, input_ids, options_.pad_token_id));
  std::vector<at::Tensor> states = {dropout(embedded, options_.hidden_dropout_prob, source)};
  // A batch without padding is common (texts sorted by length, single posts): then no score is touched for it. Asking a GPU would cost
  // more, since it must first finish everything before.
  const bool padded = !attention_mask.device().is_cpu() || !attention_mask.all().item<bool>();
  const at::Tensor global = padded ? attention_bias(attention_mask) : at::Tensor(), local = local_bias(attention_mask, padded);
  const int64_t length = input_ids.size(1), size = options_.hidden_size / options_.num_attention_heads;
  const RotaryTable global_table = rotary_table(length, size, options_.global_rope_theta, embedded.options());
  const RotaryTable local_table = rotary_table(length, size, options_.local_rope_theta, embedded.options());
  for (int64_t n = 0; n < options_.num_hidden_layers; ++n) {
    const RotaryTable& table = options_.is_global(n) ? global_table : local_table;
    states.push_back(
        recomputable([layer = layers_[static_cast<size_t>(n)]->as<ModernBertLayer>(), table](
                         const at::Tensor& x, const at::Tensor& bias, DropoutSource* from) { return layer->forward(x, bias, table, from); },
                     states.back(), options_.is_global(n) ? global : local, source));
  }
  states.back() = final_norm_->forward(states.back());
  return states;
}

}  // namespace infig
