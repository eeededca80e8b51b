// Activation functions of feed-forward layers, with their names in config.json files.
#pragma once

#include <torch/types.h>

#include <string>

namespace infig {

enum class Activation { kGelu, kGeluTanh, kQuickGelu, kRelu, kRelu6, kSilu, kTanh, kSigmoid, kMish, kLeakyRelu, kHardswish, kLinear };

// gelu: x Phi(x); gelu_new, gelu_pytorch_tanh and similar: its tanh approximation; quick_gelu: x sigmoid(1.702 x); silu (swish): x
// sigmoid(x); mish: x tanh(softplus(x)); leaky_relu: slope 0.01; relu, relu6, tanh, sigmoid, hardswish: as usual; linear: x.
at::Tensor activate(const at::Tensor& x, Activation activation);

// Throws ConfigError that lists the known names; `key` is the config's key in the message.
Activation parse_activation(const std::string& name, const std::string& key);
const char* activation_name(Activation activation);  // name in transformers

}  // namespace infig
