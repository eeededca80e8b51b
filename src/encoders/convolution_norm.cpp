#include "encoders/convolution_norm.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <mutex>

#include "nn/weight_state.h"

namespace infig {
namespace {

torch::nn::Conv2d make_convolution(const ConvolutionNormOptions& options) {
  torch::nn::Conv2d conv(torch::nn::Conv2dOptions(options.in_channels, options.out_channels, options.kernel)
                             .stride(options.stride)
                             .groups(options.groups)
                             .bias(false));
  // Channels-last weights spare a reordering in every call; copies into them keep the layout.
  conv->weight.set_data(conv->weight.contiguous(at::MemoryFormat::ChannelsLast));
  return conv;
}

// In place where nobody needs the input again: a fresh output of a convolution.
at::Tensor activate_fresh(at::Tensor x, std::optional<Activation> activation) {
  if (!activation) return x;
  if (*activation == Activation::kRelu) return x.relu_();
  if (*activation == Activation::kRelu6) return at::hardtanh_(x, 0, 6);
  return activate(x, *activation);
}

}  // namespace

struct ConvolutionNorm::Folded {
  std::mutex mutex;
  std::vector<WeightState> of;  // the tensors that weight and bias were folded from
  at::Tensor weight, bias;
};

ConvolutionNorm::ConvolutionNorm(const ConvolutionNormOptions& options)
    : options_(options),
      convolution_(make_convolution(options)),
      norm_(torch::nn::BatchNorm2dOptions(options.out_channels).eps(options.eps).momentum(options.momentum)),
      folded_(std::make_shared<Folded>()) {}

std::pair<at::Tensor, at::Tensor> ConvolutionNorm::fold() {
  // The counter stands for the running statistics, too: batch_norm() writes those without raising their version.
  const std::vector<WeightState> now = {WeightState(convolution_->weight), WeightState(norm_->weight),      WeightState(norm_->bias),
                                        WeightState(norm_->running_mean),  WeightState(norm_->running_var), WeightState(norm_->num_batches_tracked)};
  const std::lock_guard<std::mutex> lock(folded_->mutex);
  if (folded_->of != now) {
    // A tensor made in inference mode would be of no use to a later call outside of it.
    const c10::InferenceMode normal(false);
    const at::NoGradGuard no_grad;
    const at::Tensor factor = norm_->weight * (norm_->running_var + options_.eps).rsqrt();
    folded_->weight = (convolution_->weight * factor.view({-1, 1, 1, 1})).contiguous(at::MemoryFormat::ChannelsLast);
    folded_->bias = norm_->bias - norm_->running_mean * factor;
    folded_->of = now;
  }
  return {folded_->weight, folded_->bias};
}

// The padded input and the padding that is left to the convolution, which knows only equal ones.
std::pair<at::Tensor, std::vector<int64_t>> ConvolutionNorm::pad(const at::Tensor& x) const {
  if (!options_.same_padding) return {x, {options_.kernel / 2, options_.kernel / 2}};
  const auto missing = [&](int64_t size) {
    const int64_t out = (size + options_.stride - 1) / options_.stride;
    return std::max<int64_t>(0, (out - 1) * options_.stride + options_.kernel - size);
  };
  const int64_t rows = missing(x.size(2)), columns = missing(x.size(3));
  if (rows % 2 == 0 && columns % 2 == 0) return {x, {rows / 2, columns / 2}};
  return {at::constant_pad_nd(x, {columns / 2, columns - columns / 2, rows / 2, rows - rows / 2}), {0, 0}};
}

at::Tensor ConvolutionNorm::forward(const at::Tensor& x, bool batch_statistics, std::optional<Activation> activation) {
  const bool gradient = at::GradMode::is_enabled() && (x.requires_grad() || convolution_->weight.requires_grad() ||
                                                       norm_->weight.requires_grad() || norm_->bias.requires_grad());
  const auto [padded, padding] = pad(x);
  const std::vector<int64_t> stride = {options_.stride, options_.stride};
  if (!batch_statistics && !gradient && !convolution_->weight.is_inference()) {  // inference tensors tell no versions
    const auto [weight, bias] = fold();
    return activate_fresh(at::conv2d(padded, weight, bias, stride, padding, {1, 1}, options_.groups), activation);
  }
  if (batch_statistics) norm_->num_batches_tracked.add_(1);
  // Module::train() must not decide here: a frozen backbone keeps its statistics while the rest trains.
  const at::Tensor convolved = at::conv2d(padded, convolution_->weight, {}, stride, padding, {1, 1}, options_.groups);
  return activate_fresh(at::batch_norm(convolved, norm_->weight, norm_->bias, norm_->running_mean, norm_->running_var, batch_statistics,
                                       options_.momentum, options_.eps, true),
                        activation);
}

at::Tensor ConvolutionNorm::forward_add(const at::Tensor& x, const at::Tensor& residual, bool batch_statistics,
                                        std::optional<Activation> activation) {
  return activate_fresh(forward(x, batch_statistics).add_(residual), activation);
}

}  // namespace infig
