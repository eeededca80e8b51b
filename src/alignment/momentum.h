// Momentum twins (MoCo, ALBEF; method.md rows 8-10): p_twin <- m p_twin + (1 - m) p.
#pragma once

#include <torch/nn/module.h>

namespace infig {

// Both functions match parameters and buffers by name. Every name of the twin must exist in the online module with the same shape, dtype
// and device (the online module may have more); otherwise they throw ShapeError listing every name that does not fit.

// Copies the online module's parameters and buffers into `twin`, and sets requires_grad of the twin's parameters to false.
void copy_to_twin(const torch::nn::Module& online, torch::nn::Module& twin);

// Updates the twin's parameters once and copies its buffers, without gradients. Throws ConfigError unless momentum is in [0, 1].
void update_twin(const torch::nn::Module& online, torch::nn::Module& twin, double momentum);

}  // namespace infig
