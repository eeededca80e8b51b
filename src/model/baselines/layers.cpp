#include "model/baselines/layers.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "core/error.h"
#include "model/precision.h"
#include "nn/attention.h"
#include "nn/linear.h"

namespace infig {

void require_size(const std::string& key, int64_t value, int64_t least) {
  if (value < least) throw ConfigError(fmt::format("{}: is {}; allowed is >= {}", key, value, least));
}

void require_dropout(const std::string& key, double value) {
  if (!(value >= 0 && value < 1)) throw ConfigError(fmt::format("{}: is {}; allowed is 0 <= p < 1", key, value));
}

void require_two_labels(const std::string& model, int64_t labels) {
  if (labels == 2) return;
  throw ConfigError(
      fmt::format("model.name={}: ends in a single sigmoid and tells two classes apart; the data set has {}. Choose another model, or a "
                  "data set of two classes",
                  model, labels));
}

void BaselineSizes::validate() const {
  require_size("words", words, 2);
  require_size("words.size", word_size);
  require_size("channels of image.model", object_channels);
  require_size("channels of scene.model", scene_channels);
  require_size("classes", labels, 2);
}

at::Tensor masked_softmax(const at::Tensor& scores, const at::Tensor& mask) {
  const at::Tensor absent = mask.logical_not();
  // The second fill is for rows without any element: their softmax is uniform over what is absent.
  return softmax_last(scores.masked_fill(absent, lowest_value(scores.scalar_type()))).masked_fill(absent, 0.0);
}

at::Tensor weighted_sum(const at::Tensor& weights, const at::Tensor& x) {
  return at::bmm(weights.to(x.scalar_type()).unsqueeze(1), x).squeeze(1);
}

at::Tensor masked_mean(const at::Tensor& x, const at::Tensor& mask) {
  const at::Tensor there = mask.to(x.scalar_type());
  return weighted_sum(there / there.sum(1, true).clamp_min(1), x);
}

at::Tensor mask_of_rows(const at::Tensor& has, int64_t n) { return has.unsqueeze(1).expand({has.size(0), n}); }

at::Tensor sigmoid_logits(const at::Tensor& z) { return at::cat({at::zeros_like(z), z}, 1); }

WordVectorsImpl::WordVectorsImpl(int64_t words, int64_t size, bool trained) {
  weight_ = register_parameter("weight", at::zeros({words, size}), trained);
}

at::Tensor WordVectorsImpl::forward(const at::Tensor& ids) const {
  // Of the table as it was set, the row of padding may be anything: padding is zero by its id.
  return at::embedding(weight_, ids, /*padding_idx=*/0).masked_fill(ids.eq(0).unsqueeze(2), 0.0);
}

BiLstmImpl::BiLstmImpl(int64_t in_size, int64_t size) : size_(size) {
  for (const char* direction : {"", "_reverse"}) {
    const auto add = [&](const char* name, at::IntArrayRef shape) {
      weights_.push_back(register_parameter(fmt::format("{}_l0{}", name, direction), at::zeros(shape)));
    };
    add("weight_ih", {4 * size, in_size});
    add("weight_hh", {4 * size, size});
    add("bias_ih", {4 * size});
    add("bias_hh", {4 * size});
  }
}

// Two runs of one direction each, the second over the steps in reverse: on CPUs two to three times as fast as a packed sequence, which has
// no fused kernel there. What stands behind a row's last step is computed and left out.
at::Tensor BiLstmImpl::forward(const at::Tensor& x, const at::Tensor& mask, const LstmStart& start) {
  const AutocastScope fp32(Precision::kFp32, x.device());
  const at::TensorOptions like = weights_.front().options().requires_grad(false);
  const at::Tensor input = x.to(like.dtype().toScalarType());
  const at::Tensor h = start.h.defined() ? start.h.to(input.scalar_type()) : at::zeros({2, x.size(0), size_}, like);
  const at::Tensor c = start.c.defined() ? start.c.to(input.scalar_type()) : at::zeros({2, x.size(0), size_}, like);
  const auto run = [&](const at::Tensor& steps, int64_t direction) {
    const auto first = weights_.begin() + 4 * direction;
    const std::vector<at::Tensor> weights(first, first + 4);
    return std::get<0>(at::lstm(steps, {h.narrow(0, direction, 1).contiguous(), c.narrow(0, direction, 1).contiguous()}, weights, true, 1,
                                0.0, at::GradMode::is_enabled(), false, true));
  };
  const at::Tensor forward_states = run(input, 0);
  if (!mask.defined()) return at::cat({forward_states, run(input.flip({1}), 1).flip({1})}, 2);
  const at::Tensor step = at::arange(x.size(1), mask.options().dtype(at::kLong)).unsqueeze(0);
  const at::Tensor mirrored = (mask.sum(1, true) - 1 - step).clamp_min(0).unsqueeze(2);  // [B, L, 1]: where a row's step lies from its end
  const auto reverse = [&](const at::Tensor& y) { return y.gather(1, mirrored.expand({-1, -1, y.size(2)})); };
  const at::Tensor states = at::cat({forward_states, reverse(run(reverse(input), 1))}, 2);
  return states.masked_fill(mask.logical_not().unsqueeze(2), 0.0);
}

GruCellImpl::GruCellImpl(int64_t in_size, int64_t size) {
  weight_ih_ = register_parameter("weight_ih", at::zeros({3 * size, in_size}));
  weight_hh_ = register_parameter("weight_hh", at::zeros({3 * size, size}));
  bias_ih_ = register_parameter("bias_ih", at::zeros({3 * size}));
  bias_hh_ = register_parameter("bias_hh", at::zeros({3 * size}));
}

at::Tensor GruCellImpl::forward(const at::Tensor& x, const at::Tensor& h) {
  const AutocastScope fp32(Precision::kFp32, x.device());
  const at::ScalarType type = weight_ih_.scalar_type();
  return at::gru_cell(x.to(type), h.to(type), weight_ih_, weight_hh_, bias_ih_, bias_hh_);
}

AdditiveAttentionImpl::AdditiveAttentionImpl(int64_t memory_size, int64_t query_size, int64_t size) {
  memory_ = register_module("memory", linear(memory_size, size, /*bias=*/false));
  query_ = register_module("query", linear(query_size, size, /*bias=*/false));
  score_ = register_module("score", linear(size, 1, /*bias=*/false));
}

at::Tensor AdditiveAttentionImpl::project(const at::Tensor& memory) { return memory_->forward(memory); }

at::Tensor AdditiveAttentionImpl::read(const at::Tensor& memory, const at::Tensor& projected, const at::Tensor& query,
                                       const at::Tensor& mask) {
  const at::Tensor scores = score_->forward(at::tanh(projected + query_->forward(query).unsqueeze(1))).squeeze(2);
  return weighted_sum(masked_softmax(scores, mask), memory);
}

}  // namespace infig
