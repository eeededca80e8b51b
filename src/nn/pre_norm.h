// The Transformer layer of Vision Transformers, with LayerNorm before each sublayer, under the parameter names of whoever publishes it.
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include "nn/activation.h"
#include "nn/dropout.h"
#include "nn/packed_linear.h"
#include "nn/stochastic_depth.h"

namespace infig {

// The dotted names of a layer's parts. scale1 and scale2 are parameters, the others modules.
struct PreNormNames {
  const char *norm1, *query, *key, *value, *attention_out, *scale1, *norm2, *fc1, *fc2, *scale2;
};

struct PreNormLayerOptions {
  int64_t hidden_size = 768;                  // D
  int64_t num_attention_heads = 12;           // divides hidden_size
  int64_t intermediate_size = 3072;           // width of the feed-forward part; of a gated one each half's
  Activation hidden_act = Activation::kGelu;  // of the feed-forward part
  double layer_norm_eps = 1e-6;
  bool qkv_bias = true;                       // query, key and value have a bias
  bool layer_scale = false;                   // both sublayers are multiplied by a learned vector [D]
  bool gated = false;                         // the feed-forward part is fc2(silu(u) * g), [u, g] = fc1(x), instead of fc2(act(fc1(x)))
  double hidden_dropout_prob = 0.0;           // [0, 1): after both sublayers
  double attention_probs_dropout_prob = 0.0;  // [0, 1): of the attention's probabilities
  PreNormNames names = {};
  void validate() const;  // throws ConfigError
};

// h = x + s1 * Attention(LN1(x)); y = h + s2 * FFN(LN2(h)); s1 = s2 = 1 without layer_scale.
class PreNormLayerImpl : public torch::nn::Module {
 public:
  explicit PreNormLayerImpl(const PreNormLayerOptions& options);
  // [B, T, D] -> [B, T, D]; all tokens attend to all. depth: each sublayer is a branch, `share` that of the layer.
  at::Tensor forward(const at::Tensor& x, DropoutSource* source, const StochasticDepth& depth = {}, double share = 0);

 private:
  // x + scale * dropout(layer(y)), the branch thinned by depth
  at::Tensor add_sublayer(const at::Tensor& x, const at::Tensor& y, torch::nn::Linear& layer, const PackedLinear& packed,
                          const at::Tensor& scale, DropoutSource* source, const StochasticDepth& depth, double share) const;
  at::Tensor attention(const at::Tensor& normed, DropoutSource* source);
  at::Tensor feed_forward(const at::Tensor& normed);

  PreNormLayerOptions options_;
  torch::nn::LayerNorm norm1_{nullptr}, norm2_{nullptr};
  torch::nn::Linear query_{nullptr}, key_{nullptr}, value_{nullptr}, attention_out_{nullptr}, fc1_{nullptr}, fc2_{nullptr};
  at::Tensor scale1_, scale2_;  // [D], undefined without layer_scale
  PackedLinear packed_qkv_, packed_attention_out_, packed_fc1_, packed_fc2_;
};
TORCH_MODULE(PreNormLayer);

}  // namespace infig
