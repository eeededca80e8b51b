// HSAN (Xu: Analyzing Multimodal Public Sentiment Based on Hierarchical Semantic Attentional Network, ISI 2017).
// **Reconstruction**: there is no public code of the model and the paper could not be read in full. From its abstract: the caption of the
// picture as further text, the hierarchy of a post, attention with context; from the author's public layer the attention. The rest is
// decided by this project:
//   tweet   = attend_t(LSTM_t(words)), caption = attend_c(LSTM_c(caption's words)), both [B, h], words of one table
//   post    = attend_s(LSTM_s([tweet, caption])) [B, h]
//   logits  = C relu(F post + f) + c
//   attend: u_t = tanh(W h_t + b), sum_t softmax_t(c . u_t) h_t (ContextAttention)
// What is missing is no step of the upper LSTM: a post without text is [caption] alone, one with neither is the zero vector.
#pragma once

#include <torch/nn/modules/linear.h>
#include <torch/types.h>

#include "core/config.h"
#include "model/baselines/baseline_net.h"
#include "model/baselines/context_attention.h"
#include "model/baselines/layers.h"

namespace infig {

struct HsanOptions {
  int64_t lstm_size = 128;    // h, of all three
  int64_t hidden_size = 128;  // of the layer before the classifier
  void validate() const;      // throws ConfigError
};
void bind_options(ConfigBinder& binder, HsanOptions& options);  // section hsan

// Parameters: words.weight, {tweet,caption,post}_lstm.*, {tweet,caption,post}_attention.{hidden,context}.*, hidden.*, classifier.*.
class Hsan : public BaselineNet {
 public:
  Hsan(const BaselineSizes& sizes, const HsanOptions& options);
  at::Tensor logits(const BaselineInputs& inputs, DropoutSource* dropout) override;
  BaselineNeeds needs() const override { return {.captions = true}; }
  void initialize(uint64_t seed) override;  // Keras': Glorot, biases 0

 private:
  WordVectors words_{nullptr};
  ForwardLstm tweet_lstm_{nullptr}, caption_lstm_{nullptr}, post_lstm_{nullptr};
  ContextAttention tweet_attention_{nullptr}, caption_attention_{nullptr}, post_attention_{nullptr};
  torch::nn::Linear hidden_{nullptr}, classifier_{nullptr};
};

}  // namespace infig
