// Forward declaration of at::Tensor, for headers that only name the type. (Including torch costs seconds per file.)
#pragma once

namespace at {
class Tensor;
}
