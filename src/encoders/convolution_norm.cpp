#include "encoders/convolution_norm.h"

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <ATen/core/dispatch/Dispatcher.h>

#include <algorithm>
#include <array>
#include <mutex>
#include <string_view>

#include "distributed/batch_norm.h"
#include "encoders/convolution.h"
#include "nn/weight_state.h"

namespace infig {
namespace {

torch::nn::Conv2d make_convolution(const ConvolutionNormOptions& options) {
  return convolution(torch::nn::Conv2dOptions(options.in_channels, options.out_channels, options.kernel)
                         .stride(options.stride)
                         .groups(options.groups)
                         .bias(false));
}

// libtorch's own packed convolutions (its graph compiler uses them), which compute activation and sum in the same pass. They are not
// part of at::, hence the look-up by name; if a libtorch lacks them, or has other signatures, plain convolutions are used.
struct FusedConvolutions {
  using Reorder = at::Tensor(const at::Tensor&, at::IntArrayRef, at::IntArrayRef, at::IntArrayRef, int64_t, at::OptionalIntArrayRef);
  using Unary = at::Tensor(const at::Tensor&, const at::Tensor&, const std::optional<at::Tensor>&, at::IntArrayRef, at::IntArrayRef,
                           at::IntArrayRef, int64_t, std::string_view, c10::List<std::optional<at::Scalar>>,
                           std::optional<std::string_view>);
  using Binary = at::Tensor(const at::Tensor&, const at::Tensor&, const at::Tensor&, const std::optional<at::Tensor>&, at::IntArrayRef,
                            at::IntArrayRef, at::IntArrayRef, int64_t, std::string_view, std::optional<at::Scalar>,
                            std::optional<std::string_view>, c10::List<std::optional<at::Scalar>>, std::optional<std::string_view>);
  c10::TypedOperatorHandle<Reorder> reorder;
  c10::TypedOperatorHandle<Unary> unary;
  c10::TypedOperatorHandle<Binary> binary;
};

std::optional<FusedConvolutions> find_fused_convolutions() {
  if (!at::globalContext().hasMKLDNN()) return std::nullopt;
  try {
    auto& dispatcher = c10::Dispatcher::singleton();
    return FusedConvolutions{
        .reorder = dispatcher.findSchemaOrThrow("mkldnn::_reorder_convolution_weight", "").typed<FusedConvolutions::Reorder>(),
        .unary = dispatcher.findSchemaOrThrow("mkldnn::_convolution_pointwise", "").typed<FusedConvolutions::Unary>(),
        .binary = dispatcher.findSchemaOrThrow("mkldnn::_convolution_pointwise", "binary").typed<FusedConvolutions::Binary>()};
  } catch (const c10::Error&) {
    return std::nullopt;
  }
}

const std::optional<FusedConvolutions>& fused_convolutions() {
  static const std::optional<FusedConvolutions> operators = find_fused_convolutions();
  return operators;
}

bool can_fuse(const at::Tensor& x, std::optional<Activation> activation) {
  return x.device().is_cpu() && x.scalar_type() == at::kFloat && at::globalContext().userEnabledMkldnn() && fused_convolutions() &&
         !at::autocast::is_autocast_enabled(at::kCPU) &&
         (!activation || *activation == Activation::kRelu || *activation == Activation::kRelu6 || *activation == Activation::kSilu ||
          *activation == Activation::kHardswish);
}

// The activation as oneDNN's post-operation.
struct PostOperation {
  explicit PostOperation(std::optional<Activation> activation) {
    if (activation == Activation::kRelu) name = "relu";
    if (activation == Activation::kSilu) name = "swish";
    if (activation == Activation::kHardswish) name = "hardswish";
    if (activation == Activation::kRelu6) {
      name = "hardtanh";
      scalars.push_back(at::Scalar(0.0));
      scalars.push_back(at::Scalar(6.0));
    }
  }
  std::string_view name = "none";
  c10::List<std::optional<at::Scalar>> scalars;
};

// In place where possible: x is the fresh output of a convolution, which nothing else refers to.
at::Tensor activate_fresh(at::Tensor x, std::optional<Activation> activation) {
  if (!activation) return x;
  if (*activation == Activation::kRelu) return x.relu_();
  if (*activation == Activation::kRelu6) return at::hardtanh_(x, 0, 6);
  return activate(x, *activation);
}

}  // namespace

struct ConvolutionNorm::Folded {
  std::mutex mutex;
  std::vector<WeightState> of;  // the state of the tensors that were folded into weight and bias
  at::Tensor weight, bias;
  // The weight in the layout of the fused convolutions, if there are any. The layout depends on the input's size, and on whether there is
  // one picture or several; a weight in another layout would be reordered in every call.
  struct Packed {
    at::Tensor weight;
    std::vector<int64_t> sizes;  // of one picture
  };
  std::array<Packed, 2> packed;  // for one picture, for several
};

ConvolutionNorm::ConvolutionNorm(const ConvolutionNormOptions& options)
    : options_(options),
      convolution_(make_convolution(options)),
      norm_(torch::nn::BatchNorm2dOptions(options.out_channels).eps(options.eps).momentum(options.momentum)),
      folded_(std::make_shared<Folded>()) {}

ConvolutionNorm::FoldedWeights ConvolutionNorm::fold(const at::Tensor& padded, const std::vector<int64_t>& padding) {
  // The counter also tells when the running statistics change: batch_norm() writes those without raising their version.
  const std::vector<WeightState> now = {WeightState(convolution_->weight), WeightState(norm_->weight),
                                        WeightState(norm_->bias),          WeightState(norm_->running_mean),
                                        WeightState(norm_->running_var),   WeightState(norm_->num_batches_tracked)};
  const std::lock_guard<std::mutex> lock(folded_->mutex);
  if (folded_->of != now) {
    // A tensor made in inference mode cannot be used by a later call outside of it.
    const c10::InferenceMode normal(false);
    const at::NoGradGuard no_grad;
    const at::Tensor factor = norm_->weight * (norm_->running_var + options_.eps).rsqrt();
    folded_->weight = (convolution_->weight * factor.view({-1, 1, 1, 1})).contiguous(at::MemoryFormat::ChannelsLast);
    folded_->bias = norm_->bias - norm_->running_mean * factor;
    folded_->packed = {};
    folded_->of = now;
  }
  Folded::Packed& packed = folded_->packed[padded.size(0) == 1 ? 0 : 1];
  const std::vector<int64_t> sizes = padded.sizes().slice(1).vec();
  if (packed.sizes != sizes && folded_->weight.device().is_cpu() && folded_->weight.scalar_type() == at::kFloat && fused_convolutions()) {
    const c10::InferenceMode normal(false);
    packed.weight = fused_convolutions()->reorder.call(folded_->weight, padding, {options_.stride, options_.stride}, {1, 1},
                                                       options_.groups, padded.sizes());
    packed.sizes = sizes;
  }
  return {.weight = folded_->weight, .bias = folded_->bias, .packed = packed.weight};
}

// The padded input, and the padding that is left to the convolution, which pads both sides alike.
std::pair<at::Tensor, std::vector<int64_t>> ConvolutionNorm::pad(const at::Tensor& x) const {
  if (options_.fixed_padding) {
    const auto [before, behind] = *options_.fixed_padding;
    if (before == behind) return {x, {before, before}};
    return {at::constant_pad_nd(x, {before, behind, before, behind}), {0, 0}};
  }
  if (!options_.same_padding) return {x, {options_.kernel / 2, options_.kernel / 2}};
  const auto missing = [&](int64_t size) {
    const int64_t out = (size + options_.stride - 1) / options_.stride;
    return std::max<int64_t>(0, (out - 1) * options_.stride + options_.kernel - size);
  };
  const int64_t rows = missing(x.size(2)), columns = missing(x.size(3));
  if (rows % 2 == 0 && columns % 2 == 0) return {x, {rows / 2, columns / 2}};
  return {at::constant_pad_nd(x, {columns / 2, columns - columns / 2, rows / 2, rows - rows / 2}), {0, 0}};
}

bool ConvolutionNorm::folds(const at::Tensor& x, bool batch_statistics) const {
  const bool gradient = at::GradMode::is_enabled() && (x.requires_grad() || convolution_->weight.requires_grad() ||
                                                       norm_->weight.requires_grad() || norm_->bias.requires_grad());
  return !batch_statistics && !gradient && !convolution_->weight.is_inference();  // inference tensors have no version
}

// The convolution of training. oneDNN 3.x writes past the end of a buffer, and may add up wrongly, in the gradient of the weights of a 1x1
// convolution with a stride whose channels are fewer than its block (8 with AVX2, 16 with AVX-512; uxlfoundation/oneDNN issue 6035): every
// stride-th pixel is taken first then, which is the same sum.
at::Tensor ConvolutionNorm::convolve(const at::Tensor& padded, const std::vector<int64_t>& padding) {
  constexpr int64_t kLargestBlock = 16;
  const int64_t stride = options_.stride;
  const bool few = options_.in_channels / options_.groups < kLargestBlock;
  if (options_.kernel == 1 && stride > 1 && few && padding == std::vector<int64_t>{0, 0} && padded.device().is_cpu()) {
    const at::Tensor pixels = padded.slice(2, 0, std::nullopt, stride).slice(3, 0, std::nullopt, stride);
    const std::vector<int64_t> every = {1, 1};
    return at::conv2d(pixels.contiguous(at::MemoryFormat::ChannelsLast), convolution_->weight, {}, every, padding, {1, 1}, options_.groups);
  }
  const std::vector<int64_t> strides = {stride, stride};
  return at::conv2d(padded, convolution_->weight, {}, strides, padding, {1, 1}, options_.groups);
}

at::Tensor ConvolutionNorm::forward(const at::Tensor& x, bool batch_statistics, std::optional<Activation> activation) {
  const auto [padded, padding] = pad(x);
  const std::vector<int64_t> stride = {options_.stride, options_.stride};
  if (folds(x, batch_statistics)) {
    const FoldedWeights folded = fold(padded, padding);
    if (folded.packed.defined() && can_fuse(x, activation)) {
      const PostOperation post(activation);
      return fused_convolutions()->unary.call(padded, folded.packed, folded.bias, padding, stride, {1, 1}, options_.groups, post.name,
                                              post.scalars, "");
    }
    return activate_fresh(at::conv2d(padded, folded.weight, folded.bias, stride, padding, {1, 1}, options_.groups), activation);
  }
  // Not decided by Module::train(): a frozen backbone keeps its statistics while the rest trains.
  const at::Tensor convolved = convolve(padded, padding);
  if (batch_statistics) {
    norm_->num_batches_tracked.add_(1);
    const BatchNormState state = {.weight = norm_->weight,
                                  .bias = norm_->bias,
                                  .running_mean = norm_->running_mean,
                                  .running_var = norm_->running_var,
                                  .momentum = options_.momentum,
                                  .eps = options_.eps};
    return activate_fresh(batch_norm_over_ranks(convolved, state, BatchNormRanks::current()), activation);
  }
  return activate_fresh(at::batch_norm(convolved, norm_->weight, norm_->bias, norm_->running_mean, norm_->running_var, false,
                                       options_.momentum, options_.eps, true),
                        activation);
}

at::Tensor ConvolutionNorm::forward_add(const at::Tensor& x, const at::Tensor& residual, bool batch_statistics,
                                        std::optional<Activation> activation) {
  const bool gradient = at::GradMode::is_enabled() && residual.requires_grad();
  if (folds(x, batch_statistics) && !gradient && (!activation || *activation == Activation::kRelu) && can_fuse(x, activation)) {
    const auto [padded, padding] = pad(x);
    const FoldedWeights folded = fold(padded, padding);
    if (folded.packed.defined()) {
      const PostOperation post(activation);
      return fused_convolutions()->binary.call(
          padded, residual, folded.packed, folded.bias, padding, {options_.stride, options_.stride}, {1, 1}, options_.groups, "add",
          at::Scalar(1.0), activation ? std::optional<std::string_view>(post.name) : std::nullopt, post.scalars, std::nullopt);
    }
  }
  return activate_fresh(forward(x, batch_statistics).add_(residual), activation);
}

}  // namespace infig
