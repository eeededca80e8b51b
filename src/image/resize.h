// Resizing as Pillow does it: separable, antialiased (the filter widens by the scale when shrinking), fixed-point coefficients of 22
// bits, 8-bit between the two passes (columns first, unless rows shrink by more than twice as many). Byte for byte equal to Pillow 13's
// Image.resize; older versions always take columns first, which can differ by 1/255. Output pixel x reads the
// source pixels i within `support` of its centre c = (x + 0.5) * scale, each with weight f((i + 0.5 - c) / max(scale, 1)) / sum of weights:
//   bilinear  f(t) = 1 - |t|                                    support max(scale, 1)
//   bicubic   f(t) = Keys' kernel with a = -0.5                 support 2 max(scale, 1)
//   box       f(t) = 1 for -1/2 < t <= 1/2                      support max(scale, 1) / 2
//   hamming   f(t) = sinc(t) (0.54 + 0.46 cos(pi t)), |t| < 1   support max(scale, 1)
//   lanczos   f(t) = sinc(t) sinc(t / 3), |t| < 3               support 3 max(scale, 1)
//   nearest   the pixel that holds c
#pragma once

#include <array>

#include "image/image.h"
#include "image/resample_kernels.h"

namespace infig {

enum class Filter { kNearest, kBilinear, kBicubic, kBox, kHamming, kLanczos };

// Throws ShapeError for an empty picture or a side below 1.
Image resize(const Image& image, int64_t width, int64_t height, Filter filter);
Image resize(const Image& image, int64_t width, int64_t height, Filter filter, const ResampleKernels& kernels);  // for tests

// The shorter side becomes `side`; the longer is int(side * long / short).
Image resize_shorter(const Image& image, int64_t side, Filter filter);

// What becomes of half a pixel in the offset of a centre crop: 58.5 is 58 and 59.5 is 59 (transformers), or the even one of both
// neighbours, 58 and 60 (torchvision, timm, open_clip).
enum class CropRounding { kDown, kEven };

// The middle width x height. The picture must be at least that large (ShapeError).
Image center_crop(const Image& image, int64_t width, int64_t height, CropRounding rounding = CropRounding::kDown);

// What of a picture becomes `resize` pixels long: its shorter side, its longer side, or each of both sides (which squeezes it).
enum class ResizeMode { kShortest, kLongest, kSquash };

// How a picture of any size becomes one of size x size: resized, then its middle cut out; where a side is too short for that (the shorter
// one in kLongest) it is padded with `fill`, the odd pixel behind the picture.
struct Framing {
  int64_t resize = 256;  // >= size
  int64_t size = 224;
  Filter filter = Filter::kBilinear;
  ResizeMode mode = ResizeMode::kShortest;
  CropRounding rounding = CropRounding::kDown;
  std::array<uint8_t, 3> fill = {0, 0, 0};
};

// In kShortest the longer side is int(resize * long / short), in kLongest the shorter one round(short / (long / resize)), half to even, at
// least 1. What the crop throws away is not computed. Throws ShapeError for an empty picture and for size > resize.
Image frame_picture(const Image& image, const Framing& framing);

// center_crop(resize_shorter(image, side, filter), crop, crop) without computing what the crop throws away; crop <= side (ShapeError).
Image resize_center_crop(const Image& image, int64_t side, int64_t crop, Filter filter);

Image flip_horizontal(const Image& image);

}  // namespace infig
