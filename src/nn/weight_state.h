// Identifies the state of a weight tensor, so that values cached from it (folded, packed or joined weights) can be renewed.
#pragma once

#include <torch/types.h>

namespace infig {

// Writing to a tensor increments its version; set_data(), which Module::to() uses, changes its storage. Tensors made in inference mode have
// no version and are not supported.
struct WeightState {
  explicit WeightState(const at::Tensor& tensor)
      : storage(tensor.const_data_ptr()), version(tensor._version()), type(tensor.scalar_type()) {}
  bool operator==(const WeightState&) const = default;

  const void* storage;
  int64_t version;
  at::ScalarType type;
};

}  // namespace infig
