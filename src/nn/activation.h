// Activations of feed-forward parts, under the names that config.json files give them.
#pragma once

#include <torch/types.h>

#include <string>

namespace infig {

enum class Activation { kGelu, kGeluTanh, kQuickGelu, kRelu, kRelu6, kSilu, kTanh, kSigmoid, kMish, kLeakyRelu, kHardswish, kLinear };

// gelu x Phi(x); gelu_new, gelu_pytorch_tanh and their like: its tanh form; quick_gelu x sigmoid(1.702 x); silu (swish) x sigmoid(x);
// mish x tanh(softplus(x)); leaky_relu with slope 0.01; relu, relu6, tanh, sigmoid, hardswish; linear: x itself.
at::Tensor activate(const at::Tensor& x, Activation activation);

// `key` names the config's key in the message. Throws ConfigError that lists what is known.
Activation parse_activation(const std::string& name, const std::string& key);
const char* activation_name(Activation activation);  // as transformers writes it

}  // namespace infig
