#include "nn/transformer.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <limits>

#include "core/error.h"

namespace infig {
namespace {

void require(bool allowed, const std::string& what) {
  if (!allowed) throw ConfigError(what);
}

void require_probability(const char* key, double value) {
  require(value >= 0.0 && value < 1.0, fmt::format("{} is {}; allowed is 0 <= {} < 1", key, value, key));
}

}  // namespace

at::Tensor activate(const at::Tensor& x, Activation activation) {
  switch (activation) {
    case Activation::kGelu:
      return at::gelu(x);
    case Activation::kGeluTanh:
      return at::gelu(x, "tanh");
    case Activation::kRelu:
      return at::relu(x);
  }
  throw ConfigError(fmt::format("unknown activation {}", static_cast<int>(activation)));
}

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
  dense_ = register_module("dense", torch::nn::Linear(in_size, hidden_size));
  norm_ = register_module("LayerNorm", torch::nn::LayerNorm(torch::nn::LayerNormOptions({hidden_size}).eps(layer_norm_eps)));
}

at::Tensor ResidualOutputImpl::forward(const at::Tensor& x, const at::Tensor& residual, DropoutSource* source) {
  return norm_->forward(dropout(dense_->forward(x), dropout_prob_, source) + residual);
}

TransformerLayerImpl::TransformerLayerImpl(const TransformerLayerOptions& options) : options_(options) {
  options.validate();
  const int64_t hidden = options.hidden_size;
  const auto attention = add_scope(*this, "attention");
  const auto self = add_scope(*attention, "self");
  query_ = self->register_module("query", torch::nn::Linear(hidden, hidden));
  key_ = self->register_module("key", torch::nn::Linear(hidden, hidden));
  value_ = self->register_module("value", torch::nn::Linear(hidden, hidden));
  attention_output_ =
      attention->register_module("output", ResidualOutput(hidden, hidden, options.hidden_dropout_prob, options.layer_norm_eps));
  intermediate_ = add_scope(*this, "intermediate")->register_module("dense", torch::nn::Linear(hidden, options.intermediate_size));
  output_ =
      register_module("output", ResidualOutput(options.intermediate_size, hidden, options.hidden_dropout_prob, options.layer_norm_eps));
}

at::Tensor TransformerLayerImpl::self_attention(const at::Tensor& x, const at::Tensor& bias, DropoutSource* source, at::Tensor* attention) {
  const int64_t posts = x.size(0), tokens = x.size(1), heads = options_.num_attention_heads, size = options_.hidden_size / heads;
  const auto split = [&](torch::nn::Linear& projection) {  // [B, H, T, d], a view
    return projection->forward(x).view({posts, tokens, heads, size}).transpose(1, 2);
  };
  const at::Tensor query = split(query_), key = split(key_), value = split(value_);
  const bool drops = source != nullptr && options_.attention_probs_dropout_prob > 0.0;
  at::Tensor context;  // [B, H, T, d]
  if (attention == nullptr && !drops) {
    at::Tensor mask = bias;
    // float's lowest value is infinite in half and bfloat16; a row of nothing but infinities would be NaN.
    if (mask.defined() && mask.scalar_type() != query.scalar_type()) {
      mask = mask.clamp_min(lowest_value(query.scalar_type())).to(query.scalar_type());
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
  if (bias.defined() && bias.sizes() != at::IntArrayRef({x.size(0), 1, 1, x.size(1)})) {
    throw ShapeError(fmt::format("Transformer layer: expected attention bias [{}, 1, 1, {}], found [{}]; attention_bias() makes it",
                                 x.size(0), x.size(1), fmt::join(bias.sizes(), ", ")));
  }
  const at::Tensor hidden = attention_output_->forward(self_attention(x, bias, source, attention), x, source);
  return output_->forward(activate(intermediate_->forward(hidden), options_.hidden_act), hidden, source);
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
