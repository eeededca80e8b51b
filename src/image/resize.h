// Resizing as Pillow does it: separable, antialiased (the filter widens by the scale when shrinking), fixed-point coefficients of 22
// bits, 8-bit between the passes. Equal to Pillow's Image.resize within 1/255.
#pragma once

#include "image/image.h"

namespace infig {

enum class Filter { kNearest, kBilinear, kBicubic };

Image resize(const Image& image, int64_t width, int64_t height, Filter filter);

// The shorter side becomes `side`; the longer is int(side * long / short).
Image resize_shorter(const Image& image, int64_t side, Filter filter);

// The middle width x height; the offset is rounded down. The picture must be at least that large (ShapeError).
Image center_crop(const Image& image, int64_t width, int64_t height);

Image flip_horizontal(const Image& image);

}  // namespace infig
