// Momentum twins (MoCo, ALBEF; method.md rows 8-10): p_twin <- m p_twin + (1 - m) p.
#pragma once

#include <torch/nn/module.h>

namespace infig {

// Copies every parameter and buffer of `online` into `twin` and stops the twin's gradients. Modules must have equal names and shapes.
void copy_to_twin(const torch::nn::Module& online, torch::nn::Module& twin);

// One update of the parameters; buffers are copied. No gradient. Throws ShapeError if the two modules differ.
void update_twin(const torch::nn::Module& online, torch::nn::Module& twin, double momentum);

}  // namespace infig
