// BERT's post-LayerNorm Transformer layer, under the parameter names of BERT (attention.self.query.weight, output.LayerNorm.bias, ...),
// MPNet (attention.attn.q.weight, attention.LayerNorm.bias, ...) or DistilBERT (attention.q_lin.weight, sa_layer_norm.bias, ...).
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "nn/activation.h"
#include "nn/attention.h"
#include "nn/dropout.h"
#include "nn/packed_linear.h"

namespace infig {

enum class LayerNames { kBert, kMpnet, kDistilBert };

struct TransformerLayerOptions {
  int64_t hidden_size = 768;                  // D
  int64_t num_attention_heads = 12;           // H; divides hidden_size
  int64_t intermediate_size = 3072;           // width of the feed-forward network
  Activation hidden_act = Activation::kGelu;  // of the feed-forward network
  // [0, 1): after the attention output and feed-forward output projections; DistilBERT has none after the attention's.
  double hidden_dropout_prob = 0.1;
  double attention_probs_dropout_prob = 0.1;  // [0, 1): on the attention probabilities
  double layer_norm_eps = 1e-12;              // > 0
  LayerNames names = LayerNames::kBert;       // names of the parameters
  void validate() const;                      // throws ConfigError
};

// Adds a module without parameters, for one part of a dotted name ("attention" in attention.self.query.weight).
std::shared_ptr<torch::nn::Module> add_scope(torch::nn::Module& parent, const std::string& name);

// The module that holds the part with this dotted name ("attention.self" below `root` for "attention.self.query"), made of scopes where it
// does not exist yet, and the part's own name ("query").
struct PartPlace {
  std::shared_ptr<torch::nn::Module> parent;  // null: `root` itself
  std::string name;
};
PartPlace place_of(torch::nn::Module& root, std::string_view dotted);

// register_module() under a dotted name.
template <typename Holder>
Holder register_at(torch::nn::Module& root, std::string_view dotted, Holder part) {
  const PartPlace place = place_of(root, dotted);
  return (place.parent == nullptr ? root : *place.parent).register_module(place.name, std::move(part));
}

// y = LN(residual + dropout(dense(x))). Parameters dense.{weight,bias}, LayerNorm.{weight,bias}.
class ResidualOutputImpl : public torch::nn::Module {
 public:
  ResidualOutputImpl(int64_t in_size, int64_t hidden_size, double dropout_prob, double layer_norm_eps);
  // The same with layers that another module registers, under its own names.
  ResidualOutputImpl(torch::nn::Linear dense, torch::nn::LayerNorm norm, double dropout_prob);
  at::Tensor forward(const at::Tensor& x, const at::Tensor& residual, DropoutSource* source);

 private:
  double dropout_prob_;
  torch::nn::Linear dense_{nullptr};
  torch::nn::LayerNorm norm_{nullptr};
  PackedLinear packed_;
};
TORCH_MODULE(ResidualOutput);

// activate(dense(x)): the first half of a feed-forward network. Owns no parameters: the layer registers `dense`.
class ActivatedLinear {
 public:
  ActivatedLinear() = default;
  ActivatedLinear(torch::nn::Linear dense, Activation activation);
  at::Tensor forward(const at::Tensor& x);

 private:
  Activation activation_ = Activation::kGelu;
  torch::nn::Linear dense_{nullptr};
  PackedLinear packed_;
};

// y = LN(h + FFN(h)), h = LN(x + Attention(x)).
class TransformerLayerImpl : public torch::nn::Module {
 public:
  explicit TransformerLayerImpl(const TransformerLayerOptions& options);
  // x [B, T, D]; bias is added to the attention scores: [B, 1, 1, T] float (0 or the type's lowest value), any other shape that broadcasts
  // to [B, H, T, T], or undefined. Returns [B, T, D]. If `attention` is not null, it receives the probabilities [B, H, T, T] before
  // dropout. A row whose bias is lowest everywhere attends to all tokens equally. Throws ShapeError.
  at::Tensor forward(const at::Tensor& x, const at::Tensor& bias, DropoutSource* source, at::Tensor* attention = nullptr);

 private:
  at::Tensor self_attention(const at::Tensor& x, const at::Tensor& bias, DropoutSource* source, at::Tensor* attention);

  TransformerLayerOptions options_;
  torch::nn::Linear query_{nullptr}, key_{nullptr}, value_{nullptr};
  PackedLinear packed_qkv_;
  ActivatedLinear intermediate_;
  ResidualOutput attention_output_{nullptr}, output_{nullptr};
};
TORCH_MODULE(TransformerLayer);

}  // namespace infig
