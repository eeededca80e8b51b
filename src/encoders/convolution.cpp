#include "encoders/convolution.h"

#include <ATen/ATen.h>

#include "nn/linear.h"

namespace infig {

torch::nn::Conv2d convolution(const torch::nn::Conv2dOptions& options) {
  if (!SkipInitialization::active()) {
    torch::nn::Conv2d conv(options);
    // Channels-last weights spare a reordering in every call; copies into them keep the layout.
    conv->weight.set_data(conv->weight.contiguous(at::MemoryFormat::ChannelsLast));
    return conv;
  }
  // Made small, since the constructor draws its weights, and then given the memory.
  torch::nn::Conv2d conv(torch::nn::Conv2dOptions(1, 1, 1).bias(options.bias()));
  const at::NoGradGuard no_grad;
  conv->options.in_channels(options.in_channels()).out_channels(options.out_channels()).kernel_size(options.kernel_size());
  conv->options.stride(options.stride()).groups(options.groups());
  const auto& kernel = *options.kernel_size();
  conv->weight.set_data(at::empty({options.out_channels(), options.in_channels() / options.groups(), kernel[0], kernel[1]},
                                  at::TensorOptions(), at::MemoryFormat::ChannelsLast));
  if (options.bias()) conv->bias.set_data(at::empty({options.out_channels()}));
  return conv;
}

}  // namespace infig
