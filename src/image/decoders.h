// One decoder per format, behind decode_image. Each gets bytes whose signature it knows, checks the size before it allocates, and
// returns a bad picture as a value. Rows that are not in the file stay grey (128).
// Implemented in decode_avif.cpp, decode_bmp.cpp, decode_gif.cpp, decode_heic.cpp, decode_jpeg.cpp, decode_jxl.cpp, decode_png.cpp,
// decode_tiff.cpp and decode_webp.cpp; EXIF's orientation in orientation.cpp.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "image/decode.h"

namespace infig {

// What a decoder returns: the picture as stored, before its orientation is applied.
struct DecodedFile {
  DecodedImage decoded;       // width and height are 0 where they are the image's own
  std::vector<uint8_t> exif;  // a TIFF block, with or without "Exif\0\0" before it; empty if the file has none or it was not requested
  int orientation = 1;        // EXIF's numbers, of a file that says it elsewhere
};

DecodedFile decode_jpeg(std::span<const uint8_t> bytes, const DecodeOptions& options);
DecodedFile decode_png(std::span<const uint8_t> bytes, const DecodeOptions& options);
DecodedFile decode_webp(std::span<const uint8_t> bytes, const DecodeOptions& options);
DecodedFile decode_gif(std::span<const uint8_t> bytes, const DecodeOptions& options);
DecodedFile decode_bmp(std::span<const uint8_t> bytes, const DecodeOptions& options);
DecodedFile decode_avif(std::span<const uint8_t> bytes, const DecodeOptions& options);
DecodedFile decode_heic(std::span<const uint8_t> bytes, const DecodeOptions& options);  // turned already
DecodedFile decode_tiff(std::span<const uint8_t> bytes, const DecodeOptions& options);
DecodedFile decode_jxl(std::span<const uint8_t> bytes, const DecodeOptions& options);  // turned already

// EXIF orientation 1..8 of a TIFF block; 1 where there is none.
int exif_orientation(std::span<const uint8_t> exif);

// Turns and mirrors the picture so that orientation becomes 1 (EXIF 2.32, table 5).
Image apply_orientation(Image image, int orientation);

inline constexpr uint8_t kMissingRow = 128;

DecodedImage failed(ImageStatus status, std::string reason);
DecodedImage too_large(const char* format, int64_t width, int64_t height, int64_t max_pixels);
inline bool exceeds(int64_t width, int64_t height, int64_t max_pixels) { return width > 0 && height > max_pixels / width; }

// The result of a picture of which `rows` of `height` rows could be decoded (height 0: the image's); `why` goes into the reason.
DecodedImage rows_outcome(Image image, int64_t rows, const char* format, const std::string& why, int64_t height = 0);

// Alpha over white: (c * a + 255 * (255 - a)) / 255, rounded. `rgba` and `rgb` hold `count` pixels.
void blend_over_white(const uint8_t* rgba, int64_t count, uint8_t* rgb);

}  // namespace infig
