#include "nn/attention.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.h"

namespace infig {

at::Tensor attend(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value, const at::Tensor& bias, double dropout_prob,
                  DropoutSource* source, at::Tensor* attention) {
  const int64_t posts = query.size(0), heads = query.size(1), tokens = query.size(2), size = query.size(3);
  const bool drops = source != nullptr && dropout_prob > 0.0;
  at::Tensor context;  // [B, H, T, d]
  if (attention == nullptr && !drops) {
    at::Tensor mask = bias;
    // float's lowest value is infinite in half and bfloat16; a row of nothing but infinities would be NaN. The kernels of GPUs take
    // powers of 2 and scale the mask for that, so half of it is the lowest that stays finite.
    if (mask.defined() && (mask.scalar_type() != query.scalar_type() || !mask.device().is_cpu())) {
      const double lowest = lowest_value(query.scalar_type()) / (mask.device().is_cpu() ? 1 : 2);
      mask = mask.clamp_min(std::max(lowest, lowest_value(mask.scalar_type()))).to(query.scalar_type());
    }
    context =
        at::scaled_dot_product_attention(query, key, value, mask.defined() ? std::optional<at::Tensor>(mask) : std::nullopt, 0.0, false);
  } else {
    at::Tensor scores = at::matmul(query * (1.0 / std::sqrt(static_cast<double>(size))), key.transpose(2, 3));
    if (bias.defined()) scores = scores + bias;  // bias is float, so half scores become float here
    at::Tensor probabilities = softmax_last(scores);
    if (attention != nullptr) *attention = probabilities;
    probabilities = dropout(probabilities, dropout_prob, source);
    context = at::matmul(probabilities.to(value.scalar_type()), value);
  }
  return context.transpose(1, 2).reshape({posts, tokens, heads * size});
}

at::Tensor attention_bias(const at::Tensor& mask) {
  if (mask.dim() != 2) throw ShapeError(fmt::format("attention mask: expected [B, T], found [{}]", fmt::join(mask.sizes(), ", ")));
  at::Tensor bias = at::zeros(mask.sizes(), mask.options().dtype(at::kFloat));
  bias.masked_fill_(mask.logical_not(), lowest_value(at::kFloat));
  return bias.view({mask.size(0), 1, 1, mask.size(1)});
}

double lowest_value(at::ScalarType type) {
  switch (type) {
    case at::kDouble:
      return std::numeric_limits<double>::lowest();
    case at::kFloat:
      return std::numeric_limits<float>::lowest();
    case at::kHalf:
      return -65504.0;
    case at::kBFloat16:
      return -0x1.FEp127;
    default:
      throw ShapeError(fmt::format("scores of type {} cannot be masked; expected a floating type", c10::toString(type)));
  }
}

at::Tensor softmax_last(const at::Tensor& scores) {
  const bool narrow = scores.scalar_type() == at::kHalf || scores.scalar_type() == at::kBFloat16;
  return narrow ? at::softmax(scores, -1, at::kFloat) : at::softmax(scores, -1);
}

}  // namespace infig
