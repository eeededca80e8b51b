// From the names in a published checkpoint to those of an encoder's module. One table an encoder holds every exception.
#pragma once

#include <torch/nn/module.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "tensor/archive.h"

namespace infig {

struct WeightNames {
  std::vector<std::string> prefixes;                         // of a model that holds this one ("bert."): taken off where a key has one
  std::vector<std::pair<std::string, std::string>> endings;  // old endings and what they are called now: "LayerNorm.gamma" -> "...weight"
  // Keys of parts that an encoder has no use for (heads of the pretraining task, poolers), by how they begin (before or after a prefix is
  // taken off) or end. They are left out silently; everything else that does not fit is an error.
  std::vector<std::string> other_parts;
  std::vector<std::string> other_endings;
};

// The checkpoint's tensors under the module's names, without the parts that `names` lists. Throws CheckpointError where two keys come to
// the same name.
TensorMap rename_weights(const TensorMap& tensors, const WeightNames& names, const std::string& where);

// rename_weights() and load_state_dict(): strict, all faults at once.
void load_published(torch::nn::Module& module, const TensorMap& tensors, const WeightNames& names, const std::string& where);

}  // namespace infig
