// Picture -> what the network sees: augment, resize, crop, flip (datasets.md 6.1).
#pragma once

#include <string>
#include <vector>

#include "core/config.h"
#include "core/random.h"
#include "image/decode.h"
#include "image/resize.h"

namespace infig {

enum class Augment { kNone, kFlip, kRand };

struct ImageOptions {
  int64_t size = 224;                               // pixels a side that the network sees
  int64_t resize = 256;                             // shorter side before the centre crop; >= size
  Filter filter = Filter::kBilinear;
  Augment augment = Augment::kRand;                 // training only: rand = RandAugment + flip, row 35
  int64_t rand_ops = 2;                             // RandAugment's n
  int64_t rand_magnitude = 14;                      // RandAugment's m, of 30
  std::vector<double> mean = {0.485, 0.456, 0.406};  // of [0, 1] pixels, per channel
  std::vector<double> std = {0.229, 0.224, 0.225};
  bool exif = true;                                 // image.exif = apply | ignore
  int64_t max_pixels = 100'000'000;

  DecodeOptions decode() const { return {.max_pixels = max_pixels, .apply_exif = exif}; }
  void validate() const;  // throws ConfigError
};

void bind_options(ConfigBinder& binder, ImageOptions& options);  // into the binder's present section

// RandAugment: `ops` draws with replacement out of 16, applied to the full-size picture. All draws come from `stream`.
Image rand_augment(const Image& image, int64_t ops, int64_t magnitude, RandomStream& stream);

// Evaluation (stream null): resize, centre crop. Training: RandAugment before everything if chosen, flip with p = 0.5 after the crop.
// Returns size x size.
Image transform_image(const Image& image, const ImageOptions& options, RandomStream* stream);

// (pixel / 255 - mean) / std, written as [height, width, 3] floats (channels-last). `out` holds width * height * 3 floats.
void normalize_image(const Image& image, const ImageOptions& options, float* out);

}  // namespace infig
