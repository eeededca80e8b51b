// MultiSentiNet (Xu, Mao: MultiSentiNet: A Deep Semantic Network for Multimodal Sentiment Analysis, CIKM 2017), after the authors' code
// (github.com/xunan0812/MultiSentiNet).
//   h_t = LSTM(words) [B, W, h],  o = relu(A object + a), s = relu(B scene + b) [B, d]
//   u_t = tanh(W h_t + c + Wo o + Ws s), text = sum_t a_t h_t, a = softmax_t u . u_t
//   logits = C relu(F [s; o; text] + f) + k
// Departures: padding has no weight (in the code it has), the weights are a softmax (there exp / (sum + 1e-7)), a word that is not in the
// vocabulary is the unknown word (there it is dropped), texts are cut at their end (there at their beginning). A missing picture has o = s
// = 0.
#pragma once

#include <torch/nn/modules/linear.h>
#include <torch/types.h>

#include "core/config.h"
#include "model/baselines/baseline_net.h"
#include "model/baselines/context_attention.h"
#include "model/baselines/layers.h"

namespace infig {

struct MultiSentiNetOptions {
  int64_t lstm_size = 128;     // h
  int64_t picture_size = 128;  // d, of o and s
  int64_t hidden_size = 128;   // of the layer before the classifier
  void validate() const;       // throws ConfigError
};
void bind_options(ConfigBinder& binder, MultiSentiNetOptions& options);  // section multisentinet

// Parameters: words.weight, lstm.*, object.*, scene.*, attention.{hidden,context}.*, object_guide.weight, scene_guide.weight, hidden.*,
// classifier.*.
class MultiSentiNet : public BaselineNet {
 public:
  MultiSentiNet(const BaselineSizes& sizes, const MultiSentiNetOptions& options);
  at::Tensor logits(const BaselineInputs& inputs, DropoutSource* dropout) override;
  BaselineNeeds needs() const override { return {.object = true, .scene = true}; }
  void initialize(uint64_t seed) override;  // Keras': Glorot, biases 0

 private:
  WordVectors words_{nullptr};
  ForwardLstm lstm_{nullptr};
  torch::nn::Linear object_{nullptr}, scene_{nullptr}, object_guide_{nullptr}, scene_guide_{nullptr}, hidden_{nullptr},
      classifier_{nullptr};
  ContextAttention attention_{nullptr};
};

}  // namespace infig
