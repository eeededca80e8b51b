// Fusion Transformer, attention pooling and head: INFIG eq. 7-11, method.md rows 29-33.
#pragma once

#include <vector>

#include <torch/nn/module.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include "nn/dropout.h"
#include "nn/transformer.h"

namespace infig {

// Registered as `fusion`: layer.N.* under BERT's names.
class FusionTransformerImpl : public torch::nn::Module {
 public:
  FusionTransformerImpl(const TransformerLayerOptions& layer, int64_t num_layers);
  // tokens [B, P + T, D], mask [B, P + T] (1 = takes part). attention: see TransformerLayer, of the last layer.
  at::Tensor forward(const at::Tensor& tokens, const at::Tensor& mask, DropoutSource* source, at::Tensor* attention = nullptr);

 private:
  torch::nn::ModuleList layers_;
};
TORCH_MODULE(FusionTransformer);

struct Pooled {
  at::Tensor scores;  // [B, P + T], sums to 1 over tokens that take part
  at::Tensor output;  // [B, D]
};

// Registered as `pooling`: hidden (D -> D/2, GELU), score (D/2 -> 1), masked softmax, weighted sum (eq. 8-9).
class AttentionPoolingImpl : public torch::nn::Module {
 public:
  explicit AttentionPoolingImpl(int64_t hidden_size);
  Pooled forward(const at::Tensor& tokens, const at::Tensor& mask);

 private:
  torch::nn::Linear hidden_{nullptr}, score_{nullptr};
};
TORCH_MODULE(AttentionPooling);

struct HeadOptions {
  int64_t hidden_size = 768;
  int64_t num_labels = 3;
  double dropout = 0.1;
  bool gelu_logits = true;  // row 33: GELU on the logits, as eq. 11 reads
};

// Registered as `head`: dense, GELU, dropout (eq. 10), classifier (eq. 11).
class HeadImpl : public torch::nn::Module {
 public:
  explicit HeadImpl(const HeadOptions& options);
  at::Tensor forward(const at::Tensor& pooled, DropoutSource* source);  // [B, D] -> logits [B, C]

 private:
  HeadOptions options_;
  torch::nn::Linear dense_{nullptr}, classifier_{nullptr};
};
TORCH_MODULE(Head);

}  // namespace infig
