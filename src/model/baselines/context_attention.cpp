#include "model/baselines/context_attention.h"

#include <ATen/ATen.h>
#include <torch/nn/options/rnn.h>

#include <vector>

#include "model/baselines/layers.h"
#include "model/precision.h"
#include "nn/linear.h"

namespace infig {

ForwardLstmImpl::ForwardLstmImpl(int64_t in_size, int64_t size) : size_(size) {
  const torch::nn::LSTM lstm(torch::nn::LSTMOptions(in_size, size).batch_first(true));
  for (const auto& item : lstm->named_parameters()) register_parameter(item.key(), item.value());
}

// As BiLstm, not packed: on CPUs the fused kernel takes whole batches alone. What stands behind a row's last step is computed and left out.
at::Tensor ForwardLstmImpl::forward(const at::Tensor& x, const at::Tensor& mask) {
  const AutocastScope fp32(Precision::kFp32, x.device());
  std::vector<at::Tensor> weights;
  for (const auto& item : named_parameters(/*recurse=*/false)) weights.push_back(item.value());
  const at::Tensor input = x.to(weights.front().scalar_type());
  const at::Tensor zeros = at::zeros({1, x.size(0), size_}, input.options().requires_grad(false));
  const at::Tensor states = std::get<0>(
      at::lstm(input, {zeros, zeros}, weights, true, 1, 0.0, at::GradMode::is_enabled(), /*bidirectional=*/false, /*batch_first=*/true));
  return states.masked_fill(mask.logical_not().unsqueeze(2), 0.0);
}

ContextAttentionImpl::ContextAttentionImpl(int64_t state_size, int64_t size) {
  hidden_ = register_module("hidden", linear(state_size, size));
  context_ = register_module("context", linear(size, 1, /*bias=*/false));
}

at::Tensor ContextAttentionImpl::forward(const at::Tensor& states, const at::Tensor& mask, const at::Tensor& guide) {
  at::Tensor hidden = hidden_->forward(states);
  if (guide.defined()) hidden = hidden + guide.unsqueeze(1);
  const at::Tensor scores = context_->forward(at::tanh(hidden)).squeeze(2);
  return weighted_sum(masked_softmax(scores, mask), states);
}

}  // namespace infig
