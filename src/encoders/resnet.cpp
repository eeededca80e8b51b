#include "encoders/resnet.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <mutex>
#include <variant>

#include "core/error.h"

namespace infig {
namespace {

constexpr double kBatchNormMomentum = 0.1, kBatchNormEps = 1e-5;

torch::nn::Conv2d make_convolution(int64_t in, int64_t out, int64_t kernel, int64_t stride) {
  torch::nn::Conv2d conv(torch::nn::Conv2dOptions(in, out, kernel).stride(stride).padding(kernel / 2).bias(false));
  // Channels-last weights spare a reordering in every call; copies into them keep the layout.
  conv->weight.set_data(conv->weight.contiguous(at::MemoryFormat::ChannelsLast));
  return conv;
}

}  // namespace

struct ConvolutionNorm::Folded {
  // What tells one state of a tensor from another: writes raise the version, set_data() (as Module::to() does) moves the storage.
  struct State {
    explicit State(const at::Tensor& tensor) : storage(tensor.const_data_ptr()), version(tensor._version()), type(tensor.scalar_type()) {}
    bool operator==(const State&) const = default;
    const void* storage;
    int64_t version;
    at::ScalarType type;
  };

  std::mutex mutex;
  std::vector<State> of;  // the tensors that weight and bias were folded from
  at::Tensor weight, bias;
};

ConvolutionNorm::ConvolutionNorm(int64_t in_channels, int64_t out_channels, int64_t kernel, int64_t stride)
    : convolution_(make_convolution(in_channels, out_channels, kernel, stride)), norm_(out_channels), folded_(std::make_shared<Folded>()) {}

std::pair<at::Tensor, at::Tensor> ConvolutionNorm::fold() {
  // The counter stands for the running statistics, too: batch_norm() writes those without raising their version.
  using State = Folded::State;
  const std::vector<State> now = {State(convolution_->weight), State(norm_->weight),      State(norm_->bias),
                                  State(norm_->running_mean),  State(norm_->running_var), State(norm_->num_batches_tracked)};
  const std::lock_guard<std::mutex> lock(folded_->mutex);
  if (folded_->of != now) {
    // A tensor made in inference mode would be of no use to a later call outside of it.
    const c10::InferenceMode normal(false);
    const at::NoGradGuard no_grad;
    const at::Tensor factor = norm_->weight * (norm_->running_var + kBatchNormEps).rsqrt();
    folded_->weight = (convolution_->weight * factor.view({-1, 1, 1, 1})).contiguous(at::MemoryFormat::ChannelsLast);
    folded_->bias = norm_->bias - norm_->running_mean * factor;
    folded_->of = now;
  }
  return {folded_->weight, folded_->bias};
}

at::Tensor ConvolutionNorm::forward(const at::Tensor& x, bool batch_statistics) {
  const bool gradient = at::GradMode::is_enabled() && (x.requires_grad() || convolution_->weight.requires_grad() ||
                                                       norm_->weight.requires_grad() || norm_->bias.requires_grad());
  if (!batch_statistics && !gradient && !convolution_->weight.is_inference()) {  // inference tensors tell no versions
    const auto [weight, bias] = fold();
    return at::conv2d(x, weight, bias, convolution_->options.stride(), std::get<torch::ExpandingArray<2>>(convolution_->options.padding()));
  }
  if (batch_statistics) norm_->num_batches_tracked.add_(1);
  // Module::train() must not decide here: a frozen backbone keeps its statistics while the rest trains.
  return at::batch_norm(convolution_->forward(x), norm_->weight, norm_->bias, norm_->running_mean, norm_->running_var, batch_statistics,
                        kBatchNormMomentum, kBatchNormEps, true);
}

void ResNetOptions::validate() const {
  const auto require = [](bool allowed, const std::string& what) {
    if (!allowed) throw ConfigError("ResNet: " + what);
  };
  require(layers.size() == 4, fmt::format("layers has {} stages; expected 4", layers.size()));
  require(widths.size() == 4, fmt::format("widths has {} stages; expected 4", widths.size()));
  for (size_t i = 0; i < 4; ++i) {
    require(layers[i] > 0, fmt::format("layers[{}] is {}; allowed is >= 1", i, layers[i]));
    require(widths[i] > 0, fmt::format("widths[{}] is {}; allowed is >= 1", i, widths[i]));
  }
  require(stem_kernel > 0 && stem_kernel % 2 == 1, fmt::format("stem_kernel is {}; allowed is an odd number >= 1", stem_kernel));
  require(stem_stride > 0, fmt::format("stem_stride is {}; allowed is >= 1", stem_stride));
  require(stem_width > 0, fmt::format("stem_width is {}; allowed is >= 1", stem_width));
}

ResNetBlockImpl::ResNetBlockImpl(int64_t in_channels, int64_t width, int64_t stride, bool bottleneck) {
  const int64_t out_channels = bottleneck ? 4 * width : width;
  if (bottleneck) {
    path_ = {{in_channels, width, 1, 1}, {width, width, 3, stride}, {width, out_channels, 1, 1}};
  } else {
    path_ = {{in_channels, width, 3, stride}, {width, width, 3, 1}};
  }
  for (size_t i = 0; i < path_.size(); ++i) {
    register_module(fmt::format("conv{}", i + 1), path_[i].convolution());
    register_module(fmt::format("bn{}", i + 1), path_[i].norm());
  }
  if (stride == 1 && in_channels == out_channels) return;
  const auto downsample = register_module("downsample", torch::nn::ModuleList());
  shortcut_.emplace_back(in_channels, out_channels, 1, stride);
  downsample->push_back(shortcut_[0].convolution());
  downsample->push_back(shortcut_[0].norm());
}

at::Tensor ResNetBlockImpl::forward(const at::Tensor& x, bool batch_statistics) {
  at::Tensor y = x;
  for (size_t i = 0; i < path_.size(); ++i) {
    y = path_[i].forward(y, batch_statistics);
    if (i + 1 < path_.size()) y.relu_();
  }
  return y.add_(shortcut_.empty() ? x : shortcut_[0].forward(x, batch_statistics)).relu_();
}

ResNetImpl::ResNetImpl(const ResNetOptions& options)
    : options_((options.validate(), options)), stem_(3, options.stem_width, options.stem_kernel, options.stem_stride) {
  register_module("conv1", stem_.convolution());
  register_module("bn1", stem_.norm());
  int64_t channels = options.stem_width;
  for (size_t stage = 0; stage < 4; ++stage) {
    const auto blocks = register_module(fmt::format("layer{}", stage + 1), torch::nn::ModuleList());
    for (int64_t n = 0; n < options.layers[stage]; ++n) {
      blocks->push_back(ResNetBlock(channels, options.widths[stage], n == 0 && stage > 0 ? 2 : 1, options.bottleneck));
      channels = options.widths[stage] * options.expansion();
    }
    stages_.emplace_back(blocks);
  }
}

std::vector<at::Tensor> ResNetImpl::forward_all(const at::Tensor& pixel_values, bool batch_statistics) {
  if (pixel_values.dim() != 4 || pixel_values.size(1) != 3 || !pixel_values.is_floating_point()) {
    throw ShapeError(fmt::format("ResNet: expected pixel_values [B, 3, S, S] float, found [{}] {}", fmt::join(pixel_values.sizes(), ", "),
                                 c10::toString(pixel_values.scalar_type())));
  }
  at::Tensor x = stem_.forward(pixel_values.contiguous(at::MemoryFormat::ChannelsLast), batch_statistics).relu_();
  if (options_.stem_pool) x = at::max_pool2d(x, {3, 3}, {2, 2}, {1, 1});
  std::vector<at::Tensor> maps = {x};
  for (const auto& stage : stages_) {
    for (const auto& block : *stage) x = block->as<ResNetBlock>()->forward(x, batch_statistics);
    maps.push_back(x);
  }
  return maps;
}

at::Tensor ResNetImpl::forward(const at::Tensor& pixel_values, bool batch_statistics) {
  return forward_all(pixel_values, batch_statistics).back();
}

}  // namespace infig
