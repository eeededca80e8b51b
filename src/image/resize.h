// Resizing as Pillow does it: separable, antialiased (the filter widens by the scale when shrinking), fixed-point coefficients of 22
// bits, 8-bit between the two passes (columns first, unless rows shrink by more than twice as many). Byte for byte equal to Pillow 13's
// Image.resize; older versions always take columns first, which can differ by 1/255. Output pixel x reads the
// source pixels i within `support` of its centre c = (x + 0.5) * scale, each with weight f((i + 0.5 - c) / max(scale, 1)) / sum of weights:
//   bilinear  f(t) = 1 - |t|                       support max(scale, 1)
//   bicubic   f(t) = Keys' kernel with a = -0.5    support 2 max(scale, 1)
//   nearest   the pixel that holds c
#pragma once

#include "image/image.h"
#include "image/resample_kernels.h"

namespace infig {

enum class Filter { kNearest, kBilinear, kBicubic };

// Throws ShapeError for an empty picture or a side below 1.
Image resize(const Image& image, int64_t width, int64_t height, Filter filter);
Image resize(const Image& image, int64_t width, int64_t height, Filter filter, const ResampleKernels& kernels);  // for tests

// The shorter side becomes `side`; the longer is int(side * long / short).
Image resize_shorter(const Image& image, int64_t side, Filter filter);

// The middle width x height; the offset is rounded down. The picture must be at least that large (ShapeError).
Image center_crop(const Image& image, int64_t width, int64_t height);

// center_crop(resize_shorter(image, side, filter), crop, crop) without computing what the crop throws away; crop <= side (ShapeError).
Image resize_center_crop(const Image& image, int64_t side, int64_t crop, Filter filter);

Image flip_horizontal(const Image& image);

}  // namespace infig
