// A decoded picture: 8-bit RGB, rows from the top, no padding between rows.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace infig {

struct Image {
  int64_t width = 0;
  int64_t height = 0;
  std::vector<uint8_t> pixels;  // [height, width, 3]

  uint8_t* at(int64_t x, int64_t y) { return pixels.data() + (y * width + x) * 3; }
  const uint8_t* at(int64_t x, int64_t y) const { return pixels.data() + (y * width + x) * 3; }
};

Image make_image(int64_t width, int64_t height, uint8_t red, uint8_t green, uint8_t blue);

}  // namespace infig
