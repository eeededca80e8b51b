// BERT's post-LayerNorm Transformer layer, under the parameter names of BERT (attention.self.query.weight, output.LayerNorm.bias, ...) or
// MPNet (attention.attn.q.weight, attention.LayerNorm.bias, ...).
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include <memory>
#include <string>
#include <vector>

#include "nn/activation.h"
#include "nn/dropout.h"
#include "nn/packed_linear.h"

namespace infig {

enum class LayerNames { kBert, kMpnet };

struct TransformerLayerOptions {
  int64_t hidden_size = 768;                  // D
  int64_t num_attention_heads = 12;           // H; divides hidden_size
  int64_t intermediate_size = 3072;           // width of the feed-forward part
  Activation hidden_act = Activation::kGelu;  // of the feed-forward part
  double hidden_dropout_prob = 0.1;           // [0, 1): after the two output projections
  double attention_probs_dropout_prob = 0.1;  // [0, 1): on the attention probabilities
  double layer_norm_eps = 1e-12;              // > 0
  LayerNames names = LayerNames::kBert;       // of the attention's parameters
  void validate() const;                      // throws ConfigError
};

// A module without parameters of its own: one part of a dotted name ("attention" of attention.self.query.weight).
std::shared_ptr<torch::nn::Module> add_scope(torch::nn::Module& parent, const std::string& name);

// y = LN(residual + dropout(dense(x))). Parameters dense.{weight,bias}, LayerNorm.{weight,bias}.
class ResidualOutputImpl : public torch::nn::Module {
 public:
  ResidualOutputImpl(int64_t in_size, int64_t hidden_size, double dropout_prob, double layer_norm_eps);
  // The same under other names: dense and LayerNorm belong to (and are registered by) somebody else.
  ResidualOutputImpl(torch::nn::Linear dense, torch::nn::LayerNorm norm, double dropout_prob);
  at::Tensor forward(const at::Tensor& x, const at::Tensor& residual, DropoutSource* source);

 private:
  double dropout_prob_;
  torch::nn::Linear dense_{nullptr};
  torch::nn::LayerNorm norm_{nullptr};
  PackedLinear packed_;
};
TORCH_MODULE(ResidualOutput);

// activate(dense(x)): the first half of a feed-forward part. Owns no parameters; `dense` is registered by the layer.
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
  // x [B, T, D]; bias is added to the attention scores and is [B, 1, 1, T] float (0 or the type's lowest value), of any shape that
  // broadcasts to [B, H, T, T], or undefined. Returns [B, T, D].
  // With `attention` non-null it receives the probabilities [B, H, T, T] (before dropout). A row whose bias is lowest everywhere attends
  // to all tokens alike. Throws ShapeError.
  at::Tensor forward(const at::Tensor& x, const at::Tensor& bias, DropoutSource* source, at::Tensor* attention = nullptr);

 private:
  at::Tensor self_attention(const at::Tensor& x, const at::Tensor& bias, DropoutSource* source, at::Tensor* attention);
  void make_attention();

  TransformerLayerOptions options_;
  torch::nn::Linear query_{nullptr}, key_{nullptr}, value_{nullptr};
  PackedLinear packed_qkv_;
  ActivatedLinear intermediate_;
  ResidualOutput attention_output_{nullptr}, output_{nullptr};
};
TORCH_MODULE(TransformerLayer);

// mask [B, T] (bool or int, 1 = attend) -> [B, 1, 1, T] float bias of 0 and lowest(float). Throws ShapeError.
at::Tensor attention_bias(const at::Tensor& mask);

// The lowest finite value of a floating type: what masked scores are filled with.
double lowest_value(at::ScalarType type);

// Softmax over the last dimension, in float32 where scores are half or bfloat16 (float64 stays).
at::Tensor softmax_last(const at::Tensor& scores);

}  // namespace infig
