// D&R Net (Xu, Zeng, Mao: Reasoning with Multimodal Sarcastic Tweets via Modeling Cross-Modality Contrast and Semantic Association, ACL
// 2020). **Reconstruction**: there is no public code and the paper could not be read in full. The idea is the paper's (a decomposition into
// what text and picture share and in what they differ, and a relation between visual words and text); the equations are decisions of this
// project. Attribute words of the picture stand in for the adjective-noun pairs of SentiBank.
//   H = BiLstm(words) [B, W, 2h], h_t = mean of H, h_v = A image + a [B, 2h]
//   s_m = W_s h_m, d_m = W_m h_m [B, k] for m = t, v; W_s is shared; no biases
//   contrast c = d_t - d_v, commonality s = (s_t + s_v) / 2
//   relation r = mean over attribute words of multi-head attention (queries: attribute words -> k, keys and values: H -> k)
//   z = C dropout(relu(F [c; s; r] + f)) + c, logits [0, z]
//   penalty = orthogonality (|W_s W_t^T|_F^2 + |W_s W_v^T|_F^2), W [k, 2h] as stored: inner products of the directions that the shared and
//   a private projection look along
// A missing side has h_m = 0; r is zero without words or without attribute words.
#pragma once

#include <torch/nn/modules/linear.h>
#include <torch/types.h>

#include "core/config.h"
#include "model/baselines/baseline_net.h"
#include "model/baselines/layers.h"

namespace infig {

struct DrNetOptions {
  int64_t lstm_size = 256;      // h: of each direction
  int64_t space_size = 256;     // k: width of the shared, the private and the relation's space
  int64_t heads = 4;            // of the relation's attention; divides space_size
  int64_t hidden_size = 256;    // of the layer before the classifier
  double dropout = 0.2;         // behind that layer
  double orthogonality = 0.01;  // weight of the penalty
  void validate() const;        // throws ConfigError
};
void bind_options(ConfigBinder& binder, DrNetOptions& options);  // section dr_net

// Parameters: words.weight (of text and attributes), lstm.*, image.*, shared.weight, text_private.weight, image_private.weight,
// relation.{query,key,value}.*, hidden.*, classifier.*. Two classes only.
class DrNet : public BaselineNet {
 public:
  DrNet(const BaselineSizes& sizes, const DrNetOptions& options);
  at::Tensor logits(const BaselineInputs& inputs, DropoutSource* dropout) override;
  BaselineNeeds needs() const override { return {.attributes = true, .object = true}; }
  void initialize(uint64_t seed) override;
  at::Tensor penalty() override;

 private:
  at::Tensor relate(const at::Tensor& attributes, const at::Tensor& text, const at::Tensor& text_mask);

  DrNetOptions options_;
  WordVectors words_{nullptr};
  BiLstm lstm_{nullptr};
  torch::nn::Linear image_{nullptr}, shared_{nullptr}, text_private_{nullptr}, image_private_{nullptr};
  torch::nn::Linear query_{nullptr}, key_{nullptr}, value_{nullptr}, hidden_{nullptr}, classifier_{nullptr};
};

}  // namespace infig
