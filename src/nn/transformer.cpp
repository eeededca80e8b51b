#include "nn/transformer.h"

#include <ATen/ATen.h>
#include <ATen/ExpandUtils.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <limits>
#include <utility>

#include "core/error.h"
#include "nn/linear.h"

namespace infig {
namespace {

void require(bool allowed, const std::string& what) {
  if (!allowed) throw ConfigError(what);
}

void require_probability(const char* key, double value) {
  require(value >= 0.0 && value < 1.0, fmt::format("{} is {}; allowed is 0 <= {} < 1", key, value, key));
}

}  // namespace

void TransformerLayerOptions::validate() const {
  require(hidden_size > 0, fmt::format("hidden_size is {}; allowed is >= 1", hidden_size));
  require(num_attention_heads > 0 && hidden_size % num_attention_heads == 0,
          fmt::format("num_attention_heads is {}; allowed is a divisor of hidden_size = {}", num_attention_heads, hidden_size));
  require(intermediate_size > 0, fmt::format("intermediate_size is {}; allowed is >= 1", intermediate_size));
  require_probability("hidden_dropout_prob", hidden_dropout_prob);
  require_probability("attention_probs_dropout_prob", attention_probs_dropout_prob);
  require(layer_norm_eps > 0.0 && std::isfinite(layer_norm_eps), fmt::format("layer_norm_eps is {}; allowed is > 0", layer_norm_eps));
}

std::shared_ptr<torch::nn::Module> add_scope(torch::nn::Module& parent, const std::string& name) {
  return parent.register_module(name, std::make_shared<torch::nn::Module>());
}

ResidualOutputImpl::ResidualOutputImpl(int64_t in_size, int64_t hidden_size, double dropout_prob, double layer_norm_eps)
    : dropout_prob_(dropout_prob) {
  dense_ = register_module("dense", linear(in_size, hidden_size));
  norm_ = register_module("LayerNorm", torch::nn::LayerNorm(torch::nn::LayerNormOptions({hidden_size}).eps(layer_norm_eps)));
  packed_ = PackedLinear({dense_});
}

ResidualOutputImpl::ResidualOutputImpl(torch::nn::Linear dense, torch::nn::LayerNorm norm, double dropout_prob)
    : dropout_prob_(dropout_prob), dense_(std::move(dense)), norm_(std::move(norm)), packed_({dense_}) {}

at::Tensor ResidualOutputImpl::forward(const at::Tensor& x, const at::Tensor& residual, DropoutSource* source) {
  const bool packed = source == nullptr && packed_.usable(x);
  return norm_->forward(packed ? packed_.forward_add(x, residual) : dropout(dense_->forward(x), dropout_prob_, source) + residual);
}

ActivatedLinear::ActivatedLinear(torch::nn::Linear dense, Activation activation)
    : activation_(activation), dense_(std::move(dense)), packed_({dense_}) {}

at::Tensor ActivatedLinear::forward(const at::Tensor& x) {
  return packed_.usable(x) ? packed_.forward(x, activation_) : activate(dense_->forward(x), activation_);
}

TransformerLayerImpl::TransformerLayerImpl(const TransformerLayerOptions& options) : options_(options) {
  options.validate();
  const int64_t hidden = options.hidden_size;
  make_attention();
  const auto dense = add_scope(*this, "intermediate")->register_module("dense", linear(hidden, options.intermediate_size));
  intermediate_ = ActivatedLinear(dense, options.hidden_act);
  output_ =
      register_module("output", ResidualOutput(options.intermediate_size, hidden, options.hidden_dropout_prob, options.layer_norm_eps));
}

void TransformerLayerImpl::make_attention() {
  const int64_t hidden = options_.hidden_size;
  const bool bert = options_.names == LayerNames::kBert;
  const auto attention = add_scope(*this, "attention");
  const auto self = add_scope(*attention, bert ? "self" : "attn");
  query_ = self->register_module(bert ? "query" : "q", linear(hidden, hidden));
  key_ = self->register_module(bert ? "key" : "k", linear(hidden, hidden));
  value_ = self->register_module(bert ? "value" : "v", linear(hidden, hidden));
  packed_qkv_ = PackedLinear({query_, key_, value_});
  if (bert) {
    attention_output_ =
        attention->register_module("output", ResidualOutput(hidden, hidden, options_.hidden_dropout_prob, options_.layer_norm_eps));
    return;
  }
  const auto dense = self->register_module("o", linear(hidden, hidden));
  const auto norm =
      attention->register_module("LayerNorm", torch::nn::LayerNorm(torch::nn::LayerNormOptions({hidden}).eps(options_.layer_norm_eps)));
  attention_output_ = ResidualOutput(dense, norm, options_.hidden_dropout_prob);
}

at::Tensor TransformerLayerImpl::self_attention(const at::Tensor& x, const at::Tensor& bias, DropoutSource* source, at::Tensor* attention) {
  const int64_t posts = x.size(0), tokens = x.size(1), heads = options_.num_attention_heads, size = options_.hidden_size / heads;
  at::Tensor query, key, value;  // [B, H, T, d], views
  if (packed_qkv_.usable(x)) {
    const at::Tensor all = packed_qkv_.forward(x).view({posts, tokens, 3, heads, size}).permute({2, 0, 3, 1, 4});
    query = all[0], key = all[1], value = all[2];
  } else {
    const auto split = [&](torch::nn::Linear& projection) {
      return projection->forward(x).view({posts, tokens, heads, size}).transpose(1, 2);
    };
    query = split(query_), key = split(key_), value = split(value_);
  }
  const bool drops = source != nullptr && options_.attention_probs_dropout_prob > 0.0;
  at::Tensor context;  // [B, H, T, d]
  if (attention == nullptr && !drops) {
    at::Tensor mask = bias;
    // float's lowest value is infinite in half and bfloat16; a row of nothing but infinities would be NaN. The kernels of GPUs take
    // powers of 2 and scale the mask for that, so half of it is the lowest that stays finite.
    if (mask.defined() && (mask.scalar_type() != query.scalar_type() || !mask.device().is_cpu())) {
      const double lowest = lowest_value(query.scalar_type());
      mask = mask.clamp_min(mask.device().is_cpu() ? lowest : lowest / 2).to(query.scalar_type());
    }
    context =
        at::scaled_dot_product_attention(query, key, value, mask.defined() ? std::optional<at::Tensor>(mask) : std::nullopt, 0.0, false);
  } else {
    at::Tensor scores = at::matmul(query * (1.0 / std::sqrt(static_cast<double>(size))), key.transpose(2, 3));
    if (bias.defined()) scores = scores + bias;  // bias is float, so half scores become float here
    at::Tensor probabilities = softmax_last(scores);
    if (attention != nullptr) *attention = probabilities;
    probabilities = dropout(probabilities, options_.attention_probs_dropout_prob, source);
    context = at::matmul(probabilities.to(value.scalar_type()), value);
  }
  return context.transpose(1, 2).reshape({posts, tokens, options_.hidden_size});
}

at::Tensor TransformerLayerImpl::forward(const at::Tensor& x, const at::Tensor& bias, DropoutSource* source, at::Tensor* attention) {
  if (x.dim() != 3 || x.size(2) != options_.hidden_size) {
    throw ShapeError(
        fmt::format("Transformer layer: expected hidden states [B, T, {}], found [{}]", options_.hidden_size, fmt::join(x.sizes(), ", ")));
  }
  if (bias.defined() && !at::is_expandable_to(bias.sizes(), {x.size(0), options_.num_attention_heads, x.size(1), x.size(1)})) {
    throw ShapeError(fmt::format("Transformer layer: expected attention bias [{0}, 1 or {1}, 1 or {2}, {2}], found [{3}]", x.size(0),
                                 options_.num_attention_heads, x.size(1), fmt::join(bias.sizes(), ", ")));
  }
  const at::Tensor hidden = attention_output_->forward(self_attention(x, bias, source, attention), x, source);
  return output_->forward(intermediate_.forward(hidden), hidden, source);
}

at::Tensor attention_bias(const at::Tensor& mask) {
  if (mask.dim() != 2) throw ShapeError(fmt::format("attention mask: expected [B, T], found [{}]", fmt::join(mask.sizes(), ", ")));
  at::Tensor bias = at::zeros(mask.sizes(), mask.options().dtype(at::kFloat));
  bias.masked_fill_(mask.logical_not(), lowest_value(at::kFloat));
  return bias.view({mask.size(0), 1, 1, mask.size(1)});
}

double lowest_value(at::ScalarType type) {
  switch (type) {
    case at::kDouble:
      return std::numeric_limits<double>::lowest();
    case at::kFloat:
      return std::numeric_limits<float>::lowest();
    case at::kHalf:
      return -65504.0;
    case at::kBFloat16:
      return -0x1.FEp127;
    default:
      throw ShapeError(fmt::format("scores of type {} cannot be masked; expected a floating type", c10::toString(type)));
  }
}

at::Tensor softmax_last(const at::Tensor& scores) {
  const bool narrow = scores.scalar_type() == at::kHalf || scores.scalar_type() == at::kBFloat16;
  return narrow ? at::softmax(scores, -1, at::kFloat) : at::softmax(scores, -1);
}

}  // namespace infig
