// Convolutions whose weights are channels-last, and made without random values where they are about to be read from a file.
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/pimpl.h>

namespace infig {

// torch::nn::Conv2d(options) with square kernels; its weight is channels-last, and as the memory was under SkipInitialization
// (nn/linear.h).
torch::nn::Conv2d convolution(const torch::nn::Conv2dOptions& options);

// A name for several modules: what a published network calls "downsample.1" is registered in such a part under "1".
class PartsImpl : public torch::nn::Module {};
TORCH_MODULE(Parts);

}  // namespace infig
