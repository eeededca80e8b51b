#include "fusion/fusion.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/error.h"
#include "nn/linear.h"
#include "nn/recompute.h"

namespace infig {
namespace {

void check_tokens(const char* where, const at::Tensor& tokens, const at::Tensor& mask) {
  if (tokens.dim() != 3 || mask.dim() != 2 || mask.size(0) != tokens.size(0) || mask.size(1) != tokens.size(1)) {
    throw ShapeError(fmt::format("{}: expected tokens [B, N, D] and a mask [B, N], found [{}] and [{}]", where,
                                 fmt::join(tokens.sizes(), ", "), fmt::join(mask.sizes(), ", ")));
  }
}

}  // namespace

FusionTransformerImpl::FusionTransformerImpl(const TransformerLayerOptions& layer, int64_t num_layers, bool null_tokens) {
  if (num_layers < 1) throw ConfigError(fmt::format("fusion: the number of layers is {}; allowed is >= 1", num_layers));
  layers_ = register_module("layer", torch::nn::ModuleList());
  for (int64_t n = 0; n < num_layers; ++n) layers_->push_back(TransformerLayer(layer));
  if (!null_tokens) return;
  null_image_ = register_parameter("null_image", at::zeros({1, layer.hidden_size}));
  null_text_ = register_parameter("null_text", at::zeros({1, layer.hidden_size}));
}

void FusionTransformerImpl::fill_missing(Side side, const at::Tensor& there, at::Tensor& tokens, at::Tensor& mask) const {
  check_tokens("fusion", tokens, mask);
  if (there.all().item<bool>()) return;
  at::Tensor stands_in = at::zeros_like(mask, at::kBool, at::MemoryFormat::Contiguous);
  stands_in.select(1, 0).copy_(there.logical_not());
  const at::Tensor& token = side == Side::kImage ? null_image_ : null_text_;
  tokens = at::where(stands_in.unsqueeze(2), token.to(tokens.scalar_type()).unsqueeze(0), tokens);
  mask = mask.logical_and(there.unsqueeze(1)).logical_or(stands_in);
}

at::Tensor FusionTransformerImpl::forward(const at::Tensor& tokens, const at::Tensor& mask, DropoutSource* source, at::Tensor* attention) {
  check_tokens("fusion", tokens, mask);
  const at::Tensor bias = attention_bias(mask);
  at::Tensor x = tokens;
  for (size_t n = 0; n < layers_->size(); ++n) {
    auto* layer = layers_[n]->as<TransformerLayer>();
    at::Tensor* wanted = n + 1 == layers_->size() ? attention : nullptr;
    x = wanted != nullptr ? layer->forward(x, bias, source, wanted)
                          : recomputable([layer](const at::Tensor& tokens_in, const at::Tensor& add,
                                                 DropoutSource* from) { return layer->forward(tokens_in, add, from); },
                                         x, bias, source);
  }
  return x;
}

AttentionPoolingImpl::AttentionPoolingImpl(int64_t hidden_size) {
  if (hidden_size < 2 || hidden_size % 2 != 0)
    throw ConfigError(fmt::format("pooling: hidden_size is {}; allowed is an even number >= 2", hidden_size));
  hidden_ = register_module("hidden", linear(hidden_size, hidden_size / 2));
  score_ = register_module("score", linear(hidden_size / 2, 1));
}

Pooled AttentionPoolingImpl::forward(const at::Tensor& tokens, const at::Tensor& mask) {
  check_tokens("pooling", tokens, mask);
  const at::Tensor absent = mask.logical_not();
  const at::Tensor raw = score_->forward(at::gelu(hidden_->forward(tokens))).squeeze(2);
  // The second fill is for posts without any token: their softmax is uniform over padding, which must not reach the output.
  const at::Tensor scores = softmax_last(raw.masked_fill(absent, lowest_value(raw.scalar_type()))).masked_fill(absent, 0.0);
  return {.scores = scores, .output = at::bmm(scores.to(tokens.scalar_type()).unsqueeze(1), tokens).squeeze(1)};
}

void HeadOptions::validate() const {
  if (hidden_size < 1) throw ConfigError(fmt::format("head: hidden_size is {}; allowed is >= 1", hidden_size));
  if (num_labels < 2) throw ConfigError(fmt::format("head: num_labels is {}; allowed is >= 2", num_labels));
  if (!(dropout >= 0.0 && dropout < 1.0)) throw ConfigError(fmt::format("head: dropout is {}; allowed is 0 <= dropout < 1", dropout));
}

HeadImpl::HeadImpl(const HeadOptions& options) : options_(options) {
  options.validate();
  dense_ = register_module("dense", linear(options.hidden_size, options.hidden_size));
  classifier_ = register_module("classifier", linear(options.hidden_size, options.num_labels));
}

at::Tensor HeadImpl::forward(const at::Tensor& pooled, DropoutSource* source) {
  if (pooled.dim() != 2 || pooled.size(1) != options_.hidden_size) {
    throw ShapeError(fmt::format("head: expected [B, {}], found [{}]", options_.hidden_size, fmt::join(pooled.sizes(), ", ")));
  }
  const at::Tensor dense = dropout(at::gelu(dense_->forward(pooled)), options_.dropout, source);
  const at::Tensor logits = classifier_->forward(dense);
  return options_.gelu_logits ? at::gelu(logits) : logits;
}

}  // namespace infig
