// Random initial weights. Each parameter has its own random stream, named after the parameter, so that its values depend only on seed, name
// and shape, not on the module's other parameters.
#pragma once

#include <torch/nn/module.h>

#include <cstdint>
#include <string>

namespace infig {

// BERT's rule: matrices and embeddings N(0, std), biases 0, LayerNorm and BatchNorm weights 1. Vectors whose name ends in "weight" are
// normalisation weights, other vectors are biases. Parameters whose name begins with `except` keep their values, unless it is empty.
void initialize_transformer(torch::nn::Module& module, double std, uint64_t seed, const std::string& except = "");

// ResNet's rule (torchvision): convolutions [out, in, k, k] Kaiming normal with fan-out for ReLU, N(0, 2 / (out k k)); BatchNorm weights 1,
// biases 0, running means 0, running variances 1, batch counters 0.
void initialize_convolutions(torch::nn::Module& module, uint64_t seed);

}  // namespace infig
