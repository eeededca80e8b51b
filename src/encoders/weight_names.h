// From the names in a published checkpoint to those of an encoder's module. All exceptions of an encoder are in one table.
#pragma once

#include <torch/nn/module.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "tensor/archive.h"

namespace infig {

struct WeightNames {
  std::vector<std::string> prefixes;                         // of a model that contains this one ("bert."): removed from keys that have one
  std::vector<std::pair<std::string, std::string>> endings;  // old and present endings: "LayerNorm.gamma" -> "LayerNorm.weight"
  // Keys of parts that an encoder has no use for (heads of the pretraining task, poolers), by how they begin (before or after a prefix is
  // taken off) or end. They are left out silently; everything else that does not fit is an error.
  std::vector<std::string> other_parts;
  std::vector<std::string> other_endings;
};

// The parts of a key between its dots: "layer1.0.conv1.weight" has four.
std::vector<std::string> dotted_parts(const std::string& name);

// The checkpoint's tensors under the module's names, without the parts that `names` lists. Throws CheckpointError if two keys are renamed
// to the same name.
TensorMap rename_weights(const TensorMap& tensors, const WeightNames& names, const std::string& where);

// What training scripts put before names ("module.", "_orig_mod.", "model.backbone.", ...) is found by what follows it: the tensors whose
// names begin with the one prefix that stands before one of `anchors`, without it. Where a prefix is taken off, the log says so and what
// was left out. What ends the prefix and is one of `makers` ("vit.") belongs to the published names and stays. Without an anchor, or where
// it has no prefix, the tensors as they are. Throws CheckpointError naming all prefixes where an anchor has more than one: the file then
// holds the network several times.
TensorMap without_prefix(TensorMap tensors, const std::vector<std::string>& anchors, const std::string& where,
                         const std::vector<std::string>& makers = {});

// rename_weights() and load_state_dict(): strict, all faults at once. Where the names do not fit, a common prefix of the keys is looked for
// under which every parameter has its name and shape: it is taken off as by without_prefix(); several such are an error that names them.
void load_published(torch::nn::Module& module, const TensorMap& tensors, const WeightNames& names, const std::string& where);

}  // namespace infig
