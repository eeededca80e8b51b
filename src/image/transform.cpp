#include "image/transform.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "core/error.h"

namespace infig {
namespace {

// Pixels that a fast decode leaves for one pixel of the resized picture. With 1 the resizing has nothing left to average and samples move
// by up to 57 of 255, with 2 by up to 9 (docs/pictures.md).
constexpr int64_t kFastSides = 2;

[[noreturn]] void refuse(const char* key, const std::string& value, const char* expected) {
  throw ConfigError(fmt::format("image.{}: {} is not allowed, expected {}", key, value, expected));
}

void check_range(const char* key, int64_t value, int64_t low, int64_t high, const char* expected) {
  if (value < low || value > high) refuse(key, std::to_string(value), expected);
}

}  // namespace

DecodeOptions ImageOptions::decode(bool randomly) const {
  DecodeOptions options{.max_pixels = max_pixels, .apply_exif = exif == Exif::kApply};
  if (dct_scale == DctScale::kFast && !(randomly && augment == Augment::kRand)) options.shorter_side = kFastSides * resize;
  return options;
}

void ImageOptions::validate() const {
  constexpr int64_t kLargest = 1 << 16;
  check_range("size", size, 1, kLargest, "a whole number, 1 .. 65536");
  if (resize < size || resize > kLargest) {
    throw ConfigError(fmt::format("image.resize: {} is not allowed, expected image.size ({}) .. {}; the centre crop is cut out of it",
                                  resize, size, kLargest));
  }
  check_range("rand_ops", rand_ops, 0, kAugmentOps, "a whole number, 0 .. 16");
  check_range("rand_magnitude", rand_magnitude, 0, kMaxMagnitude, "a whole number, 0 .. 30");
  check_range("max_pixels", max_pixels, 1, std::numeric_limits<int64_t>::max(), "a whole number >= 1");
  if (mean.size() != 3) refuse("mean", fmt::format("a list of {}", mean.size()), "three numbers (red, green, blue)");
  if (std.size() != 3) refuse("std", fmt::format("a list of {}", std.size()), "three numbers (red, green, blue)");
  for (const double value : mean) {
    if (!std::isfinite(value)) refuse("mean", fmt::format("{}", value), "finite numbers");
  }
  for (const double value : std) {
    if (!std::isfinite(value) || value <= 0) refuse("std", fmt::format("{}", value), "numbers > 0");
  }
}

void bind_options(ConfigBinder& binder, ImageOptions& options) {
  constexpr double kLargest = 1 << 16;
  binder.field("size", options.size, {.low = 1, .high = kLargest}, "pixels a side that the network sees; row 35");
  binder.field("resize", options.resize, {.low = 1, .high = kLargest}, "shorter side before the centre crop, pixels, >= size; row 35");
  binder.choice("filter", options.filter, {{"bilinear", Filter::kBilinear}, {"bicubic", Filter::kBicubic}, {"nearest", Filter::kNearest}},
                "resizing: bilinear and bicubic are antialiased, as Pillow; row 35");
  binder.choice("augment", options.augment, {{"none", Augment::kNone}, {"flip", Augment::kFlip}, {"rand", Augment::kRand}},
                "training only: flip = mirrored with p 0.5, rand = RandAugment, then flip; row 35");
  binder.field("rand_ops", options.rand_ops, {.low = 0, .high = kAugmentOps}, "RandAugment's n, operations a picture; row 35");
  binder.field("rand_magnitude", options.rand_magnitude, {.low = 0, .high = kMaxMagnitude}, "RandAugment's m, of 30; row 35");
  binder.field("mean", options.mean, {}, 3, "red, green, blue: subtracted from pixels in [0, 1] (ImageNet's mean); row 35");
  binder.field("std", options.std, {.low = 0, .low_open = true}, 3, "divides after the mean is subtracted (ImageNet's deviation); row 35");
  binder.choice("exif", options.exif, {{"apply", Exif::kApply}, {"ignore", Exif::kIgnore}},
                "turn pictures as their EXIF orientation says; row 35");
  binder.field("max_pixels", options.max_pixels, {.low = 1}, "width x height above it is a bad picture and never decoded; row 35");
  binder.choice("dct_scale", options.dct_scale, {{"exact", DctScale::kExact}, {"fast", DctScale::kFast}},
                "JPEG: exact = every pixel is decoded, fast = as few as the resizing needs (not where RandAugment sees them); row 35");
}

Image transform_image(const Image& image, const ImageOptions& options, RandomStream* stream) {
  if (stream == nullptr || options.augment == Augment::kNone)
    return resize_center_crop(image, options.resize, options.size, options.filter);
  const bool rand = options.augment == Augment::kRand;
  Image out = rand ? resize_center_crop(rand_augment(image, options.rand_ops, options.rand_magnitude, *stream), options.resize,
                                        options.size, options.filter)
                   : resize_center_crop(image, options.resize, options.size, options.filter);
  return stream->chance(0.5) ? flip_horizontal(out) : out;
}

void normalize_image(const Image& image, const ImageOptions& options, float* out) {
  // 768 values are computed once; what is left a pixel is three loads from 3 KB that stay in the first cache.
  float table[3][256];
  for (size_t c = 0; c < 3; ++c) {
    const auto mean = static_cast<float>(options.mean[c]), deviation = static_cast<float>(options.std[c]);
    for (int i = 0; i < 256; ++i) table[c][i] = (static_cast<float>(i) / 255.0F - mean) / deviation;
  }
  const uint8_t* pixel = image.pixels.data();
  const uint8_t* end = pixel + image.width * image.height * 3;
  for (; pixel != end; pixel += 3, out += 3) {
    out[0] = table[0][pixel[0]];
    out[1] = table[1][pixel[1]];
    out[2] = table[2][pixel[2]];
  }
}

}  // namespace infig
