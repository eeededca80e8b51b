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

// Registered as `fusion`. Parameters layer.N.* have BERT's names.
class FusionTransformerImpl : public torch::nn::Module {
 public:
  // null_tokens adds the parameters null_image and null_text, [1, D]: matrices, so that initialisation and weight decay apply to them.
  FusionTransformerImpl(const TransformerLayerOptions& layer, int64_t num_layers, bool null_tokens = false);
  enum class Side { kImage, kText };
  // For each post without this side (there [B] bool is false), sets its first token of the side to the null token and masks out the others.
  // Replaces tokens [B, N >= 1, D] and mask [B, N] bool. Requires null_tokens. Throws ShapeError.
  void fill_missing(Side side, const at::Tensor& there, at::Tensor& tokens, at::Tensor& mask) const;
  // tokens [B, P + T, D], mask [B, P + T] (1 = takes part); no token attends to a masked one. Returns [B, P + T, D]. If `attention` is not
  // null, it receives the attention probabilities of the last layer (see TransformerLayer). Throws ShapeError.
  at::Tensor forward(const at::Tensor& tokens, const at::Tensor& mask, DropoutSource* source, at::Tensor* attention = nullptr);

 private:
  torch::nn::ModuleList layers_;
  at::Tensor null_image_, null_text_;
};
TORCH_MODULE(FusionTransformer);

struct Pooled {
  at::Tensor scores;  // [B, P + T] float: sums to 1 over the tokens that take part, 0 elsewhere; all 0 if no token takes part
  at::Tensor output;  // [B, D]
};

// Registered as `pooling`: hidden (D -> D/2, GELU), score (D/2 -> 1), masked softmax in float32, weighted sum (eq. 8-9):
//   s_i = w . GELU(W x_i + b) + c,  g = softmax over tokens that take part,  K~ = sum_i g_i x_i
class AttentionPoolingImpl : public torch::nn::Module {
 public:
  explicit AttentionPoolingImpl(int64_t hidden_size);  // throws ConfigError unless hidden_size is even
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
  bool gelu_logits = true;  // row 33: GELU on the logits, the literal eq. 11; they are then never below -0.17
  void validate() const;    // throws ConfigError
};

// Registered as `head`: K = dropout(GELU(dense(K~))) (eq. 10), logits = GELU(classifier(K)) (eq. 11; the GELU only with gelu_logits).
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
