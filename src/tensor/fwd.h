// Forward declaration of at::Tensor: what a header needs that only names tensors. (Including torch costs seconds a file.)
#pragma once

namespace at {
class Tensor;
}
