#include "nn/activation.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <array>
#include <utility>

#include "core/error.h"

namespace infig {
namespace {

// The first name of each activation is the one that activation_name() returns.
constexpr std::array<std::pair<const char*, Activation>, 18> kActivationNames = {{{"gelu", Activation::kGelu},
                                                                                  {"gelu_python", Activation::kGelu},
                                                                                  {"gelu_pytorch_tanh", Activation::kGeluTanh},
                                                                                  {"gelu_python_tanh", Activation::kGeluTanh},
                                                                                  {"gelu_new", Activation::kGeluTanh},
                                                                                  {"gelu_fast", Activation::kGeluTanh},
                                                                                  {"gelu_accurate", Activation::kGeluTanh},
                                                                                  {"quick_gelu", Activation::kQuickGelu},
                                                                                  {"relu", Activation::kRelu},
                                                                                  {"relu6", Activation::kRelu6},
                                                                                  {"silu", Activation::kSilu},
                                                                                  {"swish", Activation::kSilu},
                                                                                  {"tanh", Activation::kTanh},
                                                                                  {"sigmoid", Activation::kSigmoid},
                                                                                  {"mish", Activation::kMish},
                                                                                  {"leaky_relu", Activation::kLeakyRelu},
                                                                                  {"hardswish", Activation::kHardswish},
                                                                                  {"linear", Activation::kLinear}}};

}  // namespace

at::Tensor activate(const at::Tensor& x, Activation activation) {
  switch (activation) {
    case Activation::kGelu:
      return at::gelu(x);
    case Activation::kGeluTanh:
      return at::gelu(x, "tanh");
    case Activation::kQuickGelu:
      return x * at::sigmoid(x * 1.702);
    case Activation::kRelu:
      return at::relu(x);
    case Activation::kRelu6:
      return at::relu6(x);
    case Activation::kSilu:
      return at::silu(x);
    case Activation::kTanh:
      return at::tanh(x);
    case Activation::kSigmoid:
      return at::sigmoid(x);
    case Activation::kMish:
      return at::mish(x);
    case Activation::kLeakyRelu:
      return at::leaky_relu(x, 0.01);
    case Activation::kHardswish:
      return at::hardswish(x);
    case Activation::kLinear:
      return x;
  }
  throw ConfigError(fmt::format("unknown activation {}", static_cast<int>(activation)));
}

Activation parse_activation(const std::string& name, const std::string& key) {
  std::string known;
  for (const auto& [word, activation] : kActivationNames) {
    if (name == word) return activation;
    known += (known.empty() ? "" : ", ") + std::string(word);
  }
  throw ConfigError(fmt::format("{} is \"{}\"; supported are {}", key, name, known));
}

const char* activation_name(Activation activation) {
  for (const auto& [word, value] : kActivationNames) {
    if (value == activation) return word;
  }
  throw ConfigError(fmt::format("unknown activation {}", static_cast<int>(activation)));
}

}  // namespace infig
