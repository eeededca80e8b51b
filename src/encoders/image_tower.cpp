#include "encoders/image_tower.h"

#include "core/error.h"

namespace infig {

at::Tensor ImageTower::features(const at::Tensor& pixel_values, bool batch_statistics) const {
  const auto own = backbone();
  if (own == nullptr) throw ShapeError("image tower: a twin has no backbone; give it the features of its tower");
  return own->features(pixel_values, batch_statistics);
}

}  // namespace infig
