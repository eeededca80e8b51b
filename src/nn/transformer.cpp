#include "nn/transformer.h"

#include <ATen/ATen.h>
#include <ATen/ExpandUtils.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
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

// The parts of a layer, in the order in which they are registered.
struct PartNames {
  const char *query, *key, *value, *attention_dense, *attention_norm, *intermediate, *output_dense, *output_norm;
};

const PartNames& part_names(LayerNames names) {
  static constexpr PartNames kBert = {"attention.self.query",       "attention.self.key", "attention.self.value", "attention.output.dense",
                                      "attention.output.LayerNorm", "intermediate.dense", "output.dense",         "output.LayerNorm"};
  static constexpr PartNames kMpnet = {"attention.attn.q",    "attention.attn.k",   "attention.attn.v", "attention.attn.o",
                                       "attention.LayerNorm", "intermediate.dense", "output.dense",     "output.LayerNorm"};
  static constexpr PartNames kDistilBert = {"attention.q_lin", "attention.k_lin", "attention.v_lin", "attention.out_lin",
                                            "sa_layer_norm",   "ffn.lin1",        "ffn.lin2",        "output_layer_norm"};
  switch (names) {
    case LayerNames::kMpnet:
      return kMpnet;
    case LayerNames::kDistilBert:
      return kDistilBert;
    default:
      return kBert;
  }
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

PartPlace place_of(torch::nn::Module& root, std::string_view dotted) {
  PartPlace place;
  for (size_t dot = dotted.find('.'); dot != std::string_view::npos; dot = dotted.find('.')) {
    const std::string name(dotted.substr(0, dot));
    torch::nn::Module& parent = place.parent == nullptr ? root : *place.parent;
    const auto children = parent.named_children();
    const auto* known = children.find(name);
    place.parent = known == nullptr ? add_scope(parent, name) : *known;
    dotted.remove_prefix(dot + 1);
  }
  place.name = std::string(dotted);
  return place;
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
  const PartNames& names = part_names(options.names);
  const auto norm = [&](const char* name) {
    return register_at(*this, name, torch::nn::LayerNorm(torch::nn::LayerNormOptions({hidden}).eps(options.layer_norm_eps)));
  };
  query_ = register_at(*this, names.query, linear(hidden, hidden));
  key_ = register_at(*this, names.key, linear(hidden, hidden));
  value_ = register_at(*this, names.value, linear(hidden, hidden));
  packed_qkv_ = PackedLinear({query_, key_, value_});
  const auto attention_dense = register_at(*this, names.attention_dense, linear(hidden, hidden));
  const double after_attention = options.names == LayerNames::kDistilBert ? 0.0 : options.hidden_dropout_prob;
  attention_output_ = ResidualOutput(attention_dense, norm(names.attention_norm), after_attention);
  const auto intermediate = register_at(*this, names.intermediate, linear(hidden, options.intermediate_size));
  intermediate_ = ActivatedLinear(intermediate, options.hidden_act);
  const auto output_dense = register_at(*this, names.output_dense, linear(options.intermediate_size, hidden));
  output_ = ResidualOutput(output_dense, norm(names.output_norm), options.hidden_dropout_prob);
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
  return attend(query, key, value, bias, options_.attention_probs_dropout_prob, source, attention);
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

}  // namespace infig
