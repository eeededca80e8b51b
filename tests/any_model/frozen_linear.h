// The smallest model that there can be: frozen features of both sides (random ones) and one linear layer. That it works with everything
// that training, checkpoints, evaluation, prediction and ranks do shows that they know no model but through model/model.h.
#pragma once

#include <memory>

#include "model/models.h"

namespace infig::test {

std::unique_ptr<ModelOptions> frozen_linear_options();

}  // namespace infig::test
