// Forward declaration of at::Tensor for headers that only name tensors. (Including torch costs seconds per file.)
#pragma once

namespace at {
class Tensor;
}
