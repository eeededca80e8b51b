// Picture -> what the network sees: augment, resize, crop, flip (method.md rows 34-36).
#pragma once

#include <string>
#include <vector>

#include "core/config.h"
#include "core/random.h"
#include "image/augment.h"
#include "image/decode.h"
#include "image/resize.h"

namespace infig {

enum class Augment { kNone, kFlip, kRand };
enum class Exif { kApply, kIgnore };
enum class DctScale { kExact, kFast };

struct ImageOptions {
  int64_t size = 224;                                // pixels a side that the network sees; >= 1
  int64_t resize = 256;                              // the side that resize_mode names, before the centre crop; >= size
  Filter filter = Filter::kBilinear;                 // antialiased, as Pillow
  ResizeMode resize_mode = ResizeMode::kShortest;    // shortest | longest | squash
  CropRounding crop_rounding = CropRounding::kDown;  // of half a pixel in the crop's offset: down | even
  std::vector<int64_t> fill = {0, 0, 0};             // red, green, blue of what longest pads; 0 .. 255
  Augment augment = Augment::kRand;                  // training only: rand = RandAugment + flip, row 35
  int64_t rand_ops = 2;                              // RandAugment's n; 0..16
  int64_t rand_magnitude = 14;                       // RandAugment's m, of 30
  std::vector<double> mean = {0.485, 0.456, 0.406};  // of [0, 1] pixels, per channel
  std::vector<double> std = {0.229, 0.224, 0.225};   // > 0
  Exif exif = Exif::kApply;                          // image.exif = apply | ignore
  int64_t max_pixels = 100'000'000;                  // width x height above it is not decoded
  DctScale dct_scale = DctScale::kExact;             // fast: JPEGs much larger than `resize` are decoded smaller (docs/pictures.md)

  // How a picture is decoded that transform_image is given next. RandAugment counts in pixels of the picture as it is stored, so that what
  // it is going to change (`randomly`) is decoded whole.
  DecodeOptions decode(bool randomly = false) const;
  Framing framing() const;
  void validate() const;  // throws ConfigError
};

// Into the binder's present section.
void bind_options(ConfigBinder& binder, ImageOptions& options);

// Evaluation (stream null): resize, centre crop (frame_picture). Training: RandAugment before everything if chosen, flip with p = 0.5 after
// the crop. Returns size x size. Throws ShapeError for an empty picture.
Image transform_image(const Image& image, const ImageOptions& options, RandomStream* stream);

// (pixel / 255 - mean) / std in single precision, as torchvision's ToTensor and Normalize compute it, written as [height, width, 3]
// floats (channels-last). `out` holds width * height * 3 floats.
void normalize_image(const Image& image, const ImageOptions& options, float* out);

}  // namespace infig
