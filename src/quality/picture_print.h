// A picture's fingerprint: features that survive scaling, recompression and slight cropping.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "image/image.h"

namespace infig {

struct PicturePrint {
  // Signs of the 128 lowest frequencies, without the constant one, of the cosine transform (DCT-II) of the picture in grey, squashed to
  // 32 x 32: in order of u + v, then u; bit i of word i / 64. The first half is the coarse one.
  std::array<uint64_t, 2> signs = {};
  std::array<uint8_t, 256> grey = {};   // the same picture at 16 x 16, rows from the top
  std::array<int8_t, 128> colour = {};  // at 8 x 8: half of blue - luma, half of red - luma
  float aspect = 1;                     // width / height
  bool flat = false;                    // all but one colour: there is nothing to compare
};

// Pixels that the shorter side of a picture must keep for a print like that of the whole one: what DecodeOptions::shorter_side is for.
inline constexpr int64_t kPrintPixels = 128;

// Throws ShapeError for an empty picture.
PicturePrint make_print(const Image& image);

inline constexpr int64_t kSamePictureSigns = 40;                      // signs that may differ between two prints of one picture
int64_t sign_distance(const PicturePrint& a, const PicturePrint& b);  // 0..128

// The correlation of the small grey pictures where the two are one picture scaled, recompressed or cropped by a few percent, else nothing:
// at most 40 of 128 signs differ, the aspect by at most 6 %, the grey pictures correlate with 0.9 or more and differ by at most 20 of 255
// in the mean, and no cell of the 8 x 8 picture differs by more than 36 of 255 in colour (the same shop, another car). Flat pictures are
// like nothing.
std::optional<double> same_picture(const PicturePrint& a, const PicturePrint& b);

}  // namespace infig
