// Small versions of pictures, for pages.
#pragma once

#include "image/image.h"

namespace infig {

// The picture with its longer side at `longer` pixels (bilinear, proportions kept, no side below 1); smaller pictures stay as they are.
Image make_thumbnail(const Image& image, int64_t longer);

}  // namespace infig
