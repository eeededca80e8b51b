#include "nn/pre_norm.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "core/error.h"
#include "nn/attention.h"
#include "nn/linear.h"
#include "nn/transformer.h"

namespace infig {

void PreNormLayerOptions::validate() const {
  TransformerLayerOptions{.hidden_size = hidden_size,
                          .num_attention_heads = num_attention_heads,
                          .intermediate_size = intermediate_size,
                          .hidden_dropout_prob = hidden_dropout_prob,
                          .attention_probs_dropout_prob = attention_probs_dropout_prob,
                          .layer_norm_eps = layer_norm_eps}
      .validate();
}

PreNormLayerImpl::PreNormLayerImpl(const PreNormLayerOptions& options) : options_((options.validate(), options)) {
  const int64_t hidden = options.hidden_size;
  const PreNormNames& names = options.names;
  const auto norm = [&](const char* name) {
    return register_at(*this, name, torch::nn::LayerNorm(torch::nn::LayerNormOptions({hidden}).eps(options.layer_norm_eps)));
  };
  const auto scale = [&](const char* name) {
    const PartPlace place = place_of(*this, name);
    return (place.parent == nullptr ? *this : *place.parent).register_parameter(place.name, at::ones({hidden}));
  };
  norm1_ = norm(names.norm1);
  query_ = register_at(*this, names.query, linear(hidden, hidden, options.qkv_bias));
  key_ = register_at(*this, names.key, linear(hidden, hidden, options.qkv_bias));
  value_ = register_at(*this, names.value, linear(hidden, hidden, options.qkv_bias));
  attention_out_ = register_at(*this, names.attention_out, linear(hidden, hidden));
  if (options.layer_scale) scale1_ = scale(names.scale1);
  norm2_ = norm(names.norm2);
  fc1_ = register_at(*this, names.fc1, linear(hidden, options.intermediate_size * (options.gated ? 2 : 1)));
  fc2_ = register_at(*this, names.fc2, linear(options.intermediate_size, hidden));
  if (options.layer_scale) scale2_ = scale(names.scale2);
  packed_qkv_ = PackedLinear({query_, key_, value_});
  packed_attention_out_ = PackedLinear({attention_out_});
  packed_fc1_ = PackedLinear({fc1_});
  packed_fc2_ = PackedLinear({fc2_});
}

at::Tensor PreNormLayerImpl::attention(const at::Tensor& normed, DropoutSource* source) {
  const int64_t posts = normed.size(0), tokens = normed.size(1), heads = options_.num_attention_heads, size = normed.size(2) / heads;
  at::Tensor query, key, value;  // [B, H, T, d], views
  if (packed_qkv_.usable(normed)) {
    const at::Tensor all = packed_qkv_.forward(normed).view({posts, tokens, 3, heads, size}).permute({2, 0, 3, 1, 4});
    query = all[0], key = all[1], value = all[2];
  } else {
    const auto split = [&](torch::nn::Linear& projection) {
      return projection->forward(normed).view({posts, tokens, heads, size}).transpose(1, 2);
    };
    query = split(query_), key = split(key_), value = split(value_);
  }
  return attend(query, key, value, at::Tensor(), options_.attention_probs_dropout_prob, source);
}

at::Tensor PreNormLayerImpl::feed_forward(const at::Tensor& normed) {
  if (!options_.gated && packed_fc1_.usable(normed)) return packed_fc1_.forward(normed, options_.hidden_act);
  const at::Tensor wide = packed_fc1_.usable(normed) ? packed_fc1_.forward(normed) : fc1_->forward(normed);
  if (!options_.gated) return activate(wide, options_.hidden_act);
  const std::vector<at::Tensor> halves = wide.chunk(2, -1);
  return at::silu(halves[0]) * halves[1];
}

at::Tensor PreNormLayerImpl::add_sublayer(const at::Tensor& x, const at::Tensor& y, torch::nn::Linear& layer, const PackedLinear& packed,
                                          const at::Tensor& scale, DropoutSource* source, const StochasticDepth& depth,
                                          double share) const {
  const bool usable = source == nullptr && packed.usable(y);
  if (usable && !scale.defined() && !depth.active()) return packed.forward_add(y, x);
  const at::Tensor out = dropout(usable ? packed.forward(y) : layer->forward(y), options_.hidden_dropout_prob, source);
  return x + depth.thin(scale.defined() ? out * scale : out, share);
}

at::Tensor PreNormLayerImpl::forward(const at::Tensor& x, DropoutSource* source, const StochasticDepth& depth, double share) {
  const at::Tensor context = attention(norm1_->forward(x), source);
  const at::Tensor h = add_sublayer(x, context, attention_out_, packed_attention_out_, scale1_, source, depth, share);
  return add_sublayer(h, feed_forward(norm2_->forward(h)), fc2_, packed_fc2_, scale2_, source, depth, share);
}

}  // namespace infig
