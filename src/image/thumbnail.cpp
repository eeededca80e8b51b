#include "image/thumbnail.h"

#include <algorithm>

#include "image/resize.h"

namespace infig {

Image make_thumbnail(const Image& image, int64_t longer) {
  const int64_t side = std::max(image.width, image.height);
  if (side <= longer) return image;
  const auto scaled = [&](int64_t length) { return std::max<int64_t>(1, (length * longer + side / 2) / side); };
  return resize(image, scaled(image.width), scaled(image.height), Filter::kBilinear);
}

}  // namespace infig
