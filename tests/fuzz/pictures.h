// What holds of every decoded picture, whatever the file is.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "fuzz/fuzz.h"
#include "image/decode.h"

namespace infig::fuzz {

inline constexpr int64_t kMaxPixels = 1 << 20;

inline void check_decoded(const DecodedImage& decoded, const DecodeOptions& options) {
  const Image& image = decoded.image;
  require(usable(decoded.status) == !image.pixels.empty(), "a usable picture has pixels, another has none");
  require((decoded.status == ImageStatus::kOk) == decoded.reason.empty(), "every status but ok has its reason");
  require(image.pixels.size() == static_cast<size_t>(image.width * image.height * 3), "three bytes a pixel");
  require(image.width * image.height <= options.max_pixels, "max_pixels is kept");
}

// Decodes what has the signature of `format`; the fuzzer keeps nothing of the rest (-1). A second time must give the same: what is read
// from memory that nobody wrote would not.
inline int check_picture(const uint8_t* data, size_t size, std::string_view format, DecodeOptions options = {.max_pixels = kMaxPixels}) {
  const std::span<const uint8_t> bytes(data, size);
  const char* found = image_format(bytes);
  if (found == nullptr || found != format) return -1;
  const DecodedImage decoded = decode_image(bytes, options);
  check_decoded(decoded, options);
  const DecodedImage again = decode_image(bytes, options);
  require(decoded.status == again.status && decoded.reason == again.reason, "a file has the same outcome each time");
  require(decoded.image.pixels == again.image.pixels, "a file has the same pixels each time");
  return 0;
}

}  // namespace infig::fuzz
