#include "encoders/image_tower.h"

#include "core/error.h"
#include "tensor/archive.h"

namespace infig {

at::Tensor ImageTower::features(const at::Tensor& pixel_values, bool batch_statistics, const StochasticDepth& depth) const {
  const auto own = backbone();
  if (own == nullptr) throw ShapeError("image tower: a twin has no backbone; give it the features of its tower");
  return own->features(pixel_values, batch_statistics, depth);
}

void ImageTower::load_backbone(const ImageBackbone& published, const std::string& where) {
  load_state_dict(*backbone(), state_dict(published), where);
}

}  // namespace infig
