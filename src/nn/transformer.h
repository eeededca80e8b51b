// BERT's post-LayerNorm Transformer layer, under BERT's parameter names (attention.self.query.weight, output.LayerNorm.bias, ...).
#pragma once

#include <string>
#include <vector>

#include <torch/nn/module.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include "nn/dropout.h"

namespace infig {

enum class Activation { kGelu, kGeluTanh, kRelu };
at::Tensor activate(const at::Tensor& x, Activation activation);

struct TransformerLayerOptions {
  int64_t hidden_size = 768;
  int64_t num_attention_heads = 12;          // divides hidden_size
  int64_t intermediate_size = 3072;
  Activation hidden_act = Activation::kGelu;
  double hidden_dropout_prob = 0.1;
  double attention_probs_dropout_prob = 0.1;
  double layer_norm_eps = 1e-12;
  void validate() const;  // throws ConfigError
};

// y = LN(h + FFN(h)), h = LN(x + Attention(x)).
class TransformerLayerImpl : public torch::nn::Module {
 public:
  explicit TransformerLayerImpl(const TransformerLayerOptions& options);
  // x [B, T, D]; bias [B, 1, 1, T] float added to attention scores (0 or the type's lowest value), or undefined.
  // With `attention` non-null it receives the probabilities [B, H, T, T] (before dropout).
  at::Tensor forward(const at::Tensor& x, const at::Tensor& bias, DropoutSource* source, at::Tensor* attention = nullptr);

 private:
  TransformerLayerOptions options_;
  torch::nn::Linear query_{nullptr}, key_{nullptr}, value_{nullptr}, attention_dense_{nullptr}, intermediate_{nullptr}, output_dense_{nullptr};
  torch::nn::LayerNorm attention_norm_{nullptr}, output_norm_{nullptr};
};
TORCH_MODULE(TransformerLayer);

// mask [B, T] (bool or int, 1 = attend) -> [B, 1, 1, T] float bias of 0 and lowest(float).
at::Tensor attention_bias(const at::Tensor& mask);

}  // namespace infig
