// Random initial weights from a named stream: every parameter of a module, in name order.
#pragma once

#include <cstdint>

#include <torch/nn/module.h>

namespace infig {

// BERT's rule: matrices and embeddings N(0, std), biases 0, LayerNorm and BatchNorm weights 1.
void initialize_transformer(torch::nn::Module& module, double std, uint64_t seed);

// ResNet's rule (torchvision): convolutions Kaiming normal, fan out, ReLU; BatchNorm weights 1, biases 0.
void initialize_convolutions(torch::nn::Module& module, uint64_t seed);

}  // namespace infig
