#include "image/image.h"

namespace infig {

Image make_image(int64_t width, int64_t height, uint8_t red, uint8_t green, uint8_t blue) {
  Image image{.width = width, .height = height, .pixels = {}};
  image.pixels.resize(static_cast<size_t>(width * height * 3));
  for (size_t i = 0; i < image.pixels.size(); i += 3) {
    image.pixels[i] = red;
    image.pixels[i + 1] = green;
    image.pixels[i + 2] = blue;
  }
  return image;
}

}  // namespace infig
