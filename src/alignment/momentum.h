// Momentum twins (MoCo, ALBEF; method.md rows 8-10): p_twin <- m p_twin + (1 - m) p.
#pragma once

#include <torch/nn/module.h>

namespace infig {

// Both functions match parameters and buffers by name: the twin's names must be among the online module's (which may hold more: the
// parts without a momentum copy), with equal shape, dtype and device. Otherwise ShapeError that lists every name that does not fit.

// Copies the online module's parameters and buffers into `twin` and stops the twin's gradients.
void copy_to_twin(const torch::nn::Module& online, torch::nn::Module& twin);

// One update of the twin's parameters; buffers are copied. No gradient. momentum in [0, 1], or ConfigError.
void update_twin(const torch::nn::Module& online, torch::nn::Module& twin, double momentum);

}  // namespace infig
