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

Framing ImageOptions::framing() const {
  Framing framing{.resize = resize, .size = size, .filter = filter, .mode = resize_mode, .rounding = crop_rounding};
  for (size_t c = 0; c < framing.fill.size(); ++c) framing.fill[c] = static_cast<uint8_t>(fill.at(c));
  return framing;
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
  if (fill.size() != 3) refuse("fill", fmt::format("a list of {}", fill.size()), "three whole numbers (red, green, blue)");
  for (const int64_t value : fill) check_range("fill", value, 0, 255, "whole numbers, 0 .. 255");
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
  binder.field("resize", options.resize, {.low = 1, .high = kLargest},
               "the side that resize_mode names, before the centre crop, pixels, >= size; row 35");
  binder.choice("filter", options.filter,
                {{"bilinear", Filter::kBilinear},
                 {"bicubic", Filter::kBicubic},
                 {"lanczos", Filter::kLanczos},
                 {"hamming", Filter::kHamming},
                 {"box", Filter::kBox},
                 {"nearest", Filter::kNearest}},
                "resizing: all but nearest are antialiased, as Pillow; row 35");
  binder.choice("resize_mode", options.resize_mode,
                {{"shortest", ResizeMode::kShortest}, {"longest", ResizeMode::kLongest}, {"squash", ResizeMode::kSquash}},
                "what becomes resize pixels long: the shorter side, the longer one (the other is padded), or each (squeezed); row 35");
  binder.choice("crop_rounding", options.crop_rounding, {{"down", CropRounding::kDown}, {"even", CropRounding::kEven}},
                "half a pixel in the crop's offset: down (as transformers), or to the even one (as torchvision, timm, open_clip); row 35");
  binder.field("fill", options.fill, {.low = 0, .high = 255}, "red, green, blue of what resize_mode=longest pads; row 35");
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
  const Framing framing = options.framing();
  if (stream == nullptr || options.augment == Augment::kNone) return frame_picture(image, framing);
  const bool rand = options.augment == Augment::kRand;
  Image out =
      rand ? frame_picture(rand_augment(image, options.rand_ops, options.rand_magnitude, *stream), framing) : frame_picture(image, framing);
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
