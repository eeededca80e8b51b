// Identifies the state of a tensor that cached values (folded, packed or joined weights) were computed from, so that they are recomputed
// when the tensor has changed.
#pragma once

#include <torch/types.h>

namespace infig {

// Writes raise the version, set_data() (as Module::to() does) moves the storage. Not for tensors made in inference mode, which have no
// version.
struct WeightState {
  explicit WeightState(const at::Tensor& tensor)
      : storage(tensor.const_data_ptr()), version(tensor._version()), type(tensor.scalar_type()) {}
  bool operator==(const WeightState&) const = default;

  const void* storage;
  int64_t version;
  at::ScalarType type;
};

}  // namespace infig
