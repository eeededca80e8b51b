// Random initial weights: each parameter has its own stream of the seed, named by the parameter, so that its values depend on seed, name
// and shape alone, not on what other parameters the module has.
#pragma once

#include <torch/nn/module.h>

#include <cstdint>
#include <string>

namespace infig {

// BERT's rule: matrices and embeddings N(0, std), biases 0, LayerNorm and BatchNorm weights 1. Vectors whose name ends in "weight" are
// normalisation weights, other vectors biases.
// Parameters whose name begins with `except` (empty: none) keep what they have.
void initialize_transformer(torch::nn::Module& module, double std, uint64_t seed, const std::string& except = "");

// ResNet's rule (torchvision): convolutions [out, in, k, k] Kaiming normal, fan out, ReLU: N(0, 2 / (out k k)); BatchNorm weights 1,
// biases 0, running means 0, running variances 1, counters 0.
void initialize_convolutions(torch::nn::Module& module, uint64_t seed);

}  // namespace infig
