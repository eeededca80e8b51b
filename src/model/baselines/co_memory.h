// Co-Memory (Xu, Mao, Chen: A Co-Memory Network for Multimodal Sentiment Analysis, SIGIR 2018), as the tables' "Co-MN-Hop6".
// **Reconstruction**: there is no public code and the paper could not be read in full. The idea is the paper's (a memory of the text and
// one of the picture, each read with the other's state over several hops); the equations are decisions of this project.
//   M = BiLstm(words) [B, W, 2h]                       V_i = tanh(A grid_i + a) [B, P, 2h]
//   q_t = mean of M, q_v = mean of V
//   hops times, with the same weights:
//     v = sum_i a_i V_i, a = softmax_i w_v . tanh(W1 V_i + W2 q_t)
//     m = sum_j b_j M_j, b = softmax_j w_t . tanh(W3 M_j + W4 q_v)
//     q_v <- GRU_v(v, q_v), q_t <- GRU_t(m, q_t)       both with the states before the hop
//   logits = C dropout([q_t; q_v]) + c
// Undecided by what could be read: the CNN, the update (GRU or sum), the order within a hop.
#pragma once

#include <torch/nn/modules/linear.h>
#include <torch/types.h>

#include "core/config.h"
#include "model/baselines/baseline_net.h"
#include "model/baselines/layers.h"

namespace infig {

struct CoMemoryOptions {
  int64_t lstm_size = 128;  // h: of each direction; memories, states and attention are 2h wide
  int64_t hops = 6;         // readings of both memories
  double dropout = 0.5;     // before the classifier
  void validate() const;    // throws ConfigError
};
void bind_options(ConfigBinder& binder, CoMemoryOptions& options);  // section co_memory

// Parameters: words.weight, lstm.*, grid.{weight,bias}, image_attention.*, text_attention.*, image_gru.*, text_gru.*,
// classifier.{weight,bias}.
class CoMemoryNet : public BaselineNet {
 public:
  CoMemoryNet(const BaselineSizes& sizes, const CoMemoryOptions& options);
  at::Tensor logits(const BaselineInputs& inputs, DropoutSource* dropout) override;
  BaselineNeeds needs() const override { return {.object_grid = true}; }
  void initialize(uint64_t seed) override;

 private:
  CoMemoryOptions options_;
  WordVectors words_{nullptr};
  BiLstm lstm_{nullptr};
  torch::nn::Linear grid_{nullptr}, classifier_{nullptr};
  AdditiveAttention image_attention_{nullptr}, text_attention_{nullptr};
  GruCell image_gru_{nullptr}, text_gru_{nullptr};
};

}  // namespace infig
