// What MultiSentiNet and HSAN read a text with: an LSTM in one direction, and attention with a learned context vector.
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/rnn.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include <cstdint>

namespace infig {

// One layer of an LSTM (gates and names of parameters as in BiLstm, layers.h): x [B, L, in], mask [B, L] bool, true at the first n_b steps
// of row b -> the state at each step [B, L, h], zeros where the mask is false. In float32 whatever the precision.
class ForwardLstmImpl : public torch::nn::Module {
 public:
  ForwardLstmImpl(int64_t in_size, int64_t size);
  at::Tensor forward(const at::Tensor& x, const at::Tensor& mask);

 private:
  int64_t size_;
};
TORCH_MODULE(ForwardLstm);

// u_t = tanh(W h_t + b + g), a = softmax_t c . u_t, sum_t a_t h_t (Yang et al. 2016, with g = 0). Steps that the mask leaves out have
// weight 0; a row without any gives zeros. Parameters hidden.{weight,bias} [k, d], context.weight [1, k].
class ContextAttentionImpl : public torch::nn::Module {
 public:
  ContextAttentionImpl(int64_t state_size, int64_t size);
  // states [B, L, d], mask [B, L] bool, guide g [B, k] or undefined. Returns [B, d].
  at::Tensor forward(const at::Tensor& states, const at::Tensor& mask, const at::Tensor& guide = {});

 private:
  torch::nn::Linear hidden_{nullptr}, context_{nullptr};
};
TORCH_MODULE(ContextAttention);

}  // namespace infig
