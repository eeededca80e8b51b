// Fusion Transformer, attention pooling and head: INFIG eq. 7-11, method.md rows 29-33.
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include <vector>

#include "nn/dropout.h"
#include "nn/transformer.h"

namespace infig {

// Registered as `fusion`: layer.N.* under BERT's names.
class FusionTransformerImpl : public torch::nn::Module {
 public:
  // null_tokens adds null_image and null_text [1, D] (a matrix, so that it is initialised and decayed as one).
  FusionTransformerImpl(const TransformerLayerOptions& layer, int64_t num_layers, bool null_tokens = false);
  enum class Side { kImage, kText };
  // Posts that lack a side (there [B] bool false) get its null token as their first token of that side, and that one alone takes part.
  // tokens [B, N >= 1, D], mask [B, N] bool: replaced. Only with null_tokens.
  void fill_missing(Side side, const at::Tensor& there, at::Tensor& tokens, at::Tensor& mask) const;
  // tokens [B, P + T, D], mask [B, P + T] (1 = takes part): no token sees one that takes no part. Returns [B, P + T, D].
  // attention: see TransformerLayer, of the last layer. Throws ShapeError; ConfigError for num_layers < 1.
  at::Tensor forward(const at::Tensor& tokens, const at::Tensor& mask, DropoutSource* source, at::Tensor* attention = nullptr);

 private:
  torch::nn::ModuleList layers_;
  at::Tensor null_image_, null_text_;
};
TORCH_MODULE(FusionTransformer);

struct Pooled {
  at::Tensor scores;  // [B, P + T] float, sums to 1 over tokens that take part and is 0 elsewhere; a row without any is all 0
  at::Tensor output;  // [B, D]
};

// Registered as `pooling`: hidden (D -> D/2, GELU), score (D/2 -> 1), masked softmax in float32, weighted sum (eq. 8-9):
//   s_i = w . GELU(W x_i + b) + c,  g = softmax over tokens that take part,  K~ = sum_i g_i x_i
class AttentionPoolingImpl : public torch::nn::Module {
 public:
  explicit AttentionPoolingImpl(int64_t hidden_size);  // even, or ConfigError
  // tokens [B, P + T, D], mask [B, P + T] (bool or int, 1 = takes part). Throws ShapeError.
  Pooled forward(const at::Tensor& tokens, const at::Tensor& mask);

 private:
  torch::nn::Linear hidden_{nullptr}, score_{nullptr};
};
TORCH_MODULE(AttentionPooling);

struct HeadOptions {
  int64_t hidden_size = 768;
  int64_t num_labels = 3;   // classes, >= 2
  double dropout = 0.1;     // [0, 1)
  bool gelu_logits = true;  // row 33: GELU on the logits, as eq. 11 reads; bounds them below at -0.17
  void validate() const;    // throws ConfigError
};

// Registered as `head`: K = dropout(GELU(dense(K~))) (eq. 10), logits = GELU(classifier(K)) (eq. 11; without the GELU if so chosen).
class HeadImpl : public torch::nn::Module {
 public:
  explicit HeadImpl(const HeadOptions& options);
  at::Tensor forward(const at::Tensor& pooled, DropoutSource* source);  // [B, D] -> logits [B, C]; throws ShapeError

 private:
  HeadOptions options_;
  torch::nn::Linear dense_{nullptr}, classifier_{nullptr};
};
TORCH_MODULE(Head);

}  // namespace infig
