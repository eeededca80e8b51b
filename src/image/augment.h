// RandAugment (Cubuk et al. 2020) with the sixteen operations and ranges of its usual PyTorch port: method.md row 35.
// Every operation equals Pillow's of the same name byte for byte.
#pragma once

#include <array>
#include <cstdint>

#include "core/random.h"
#include "image/image.h"

namespace infig {

enum class AugmentOp {
  kAutoContrast,
  kEqualize,
  kInvert,
  kRotate,
  kPosterize,
  kSolarize,
  kSolarizeAdd,
  kColor,
  kContrast,
  kBrightness,
  kSharpness,
  kShearX,
  kShearY,
  kCutout,
  kTranslateX,
  kTranslateY,
};

inline constexpr int64_t kAugmentOps = 16;
inline constexpr int64_t kMaxMagnitude = 30;

const char* augment_name(AugmentOp op);  // "AutoContrast", "Equalize", ...

// The operation's value at magnitude m: low + (high - low) * m / 30, with [low, high] =
//   Rotate 0..30 degrees; Posterize 0..4 bits; Solarize 0..256; SolarizeAdd 0..110; Color, Contrast, Brightness, Sharpness 0.1..1.9;
//   ShearX, ShearY 0..0.3; Cutout 0..40 px; TranslateX, TranslateY 0..100 px; the other three take no value (0..1).
double augment_value(AugmentOp op, int64_t magnitude);

// One operation with its value; the draws it needs come from `stream`: the sign (negative with p = 0.5) of Rotate, Shear and Translate, and
// Cutout's centre (x, then y).
Image apply_augment(AugmentOp op, const Image& image, double value, RandomStream& stream);

// `ops` operations drawn with replacement, one after the other, each at `magnitude`. Of each, the kind is drawn first, then what it needs.
Image rand_augment(const Image& image, int64_t ops, int64_t magnitude, RandomStream& stream);

// A table of 256 values for each channel.
using ChannelTable = std::array<std::array<uint8_t, 256>, 3>;
Image apply_table(const Image& image, const ChannelTable& table);

Image auto_contrast(const Image& image);                     // each channel stretched to 0..255
Image equalize(const Image& image);                          // each channel's histogram made flat
Image invert(const Image& image);                            // 255 - p
Image posterize(const Image& image, int bits);               // the `bits` highest bits (1..8) of each value
Image solarize(const Image& image, double threshold);        // 255 - p where p >= threshold
Image solarize_add(const Image& image, double addition);     // p + addition, cut to 0..255 and rounded down, then solarized at 128
Image adjust_color(const Image& image, double factor);       // blend of the grey picture (0) and the picture (1)
Image adjust_contrast(const Image& image, double factor);    // blend of its mean grey and the picture
Image adjust_brightness(const Image& image, double factor);  // blend of black and the picture
Image adjust_sharpness(const Image& image, double factor);   // blend of the smoothed picture and the picture
Image cutout(const Image& image, double center_x, double center_y, double size);  // a square of grey (125, 123, 114)

// Nearest-neighbour warp, black where the source lies outside: out(x, y) = image(m0 x' + m1 y' + m2, m3 x' + m4 y' + m5), x' = x + 0.5.
Image affine(const Image& image, const std::array<double, 6>& matrix);
Image rotate(const Image& image, double degrees);      // counter-clockwise about the middle
Image shear_x(const Image& image, double amount);      // source x = x + amount * y
Image shear_y(const Image& image, double amount);      // source y = y + amount * x
Image translate_x(const Image& image, double pixels);  // source x = x + pixels
Image translate_y(const Image& image, double pixels);

}  // namespace infig
