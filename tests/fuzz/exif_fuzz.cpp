// The EXIF block of a picture, of which the orientation is read.
#include "fuzz/fuzz.h"
#include "image/decoders.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace infig;
  const int orientation = exif_orientation({data, size});
  fuzz::require(orientation >= 1 && orientation <= 8, "an orientation is 1 to 8");
  // 2 x 3 pixels, each another: turning loses none.
  Image image = make_image(2, 3, 0, 0, 0);
  for (size_t i = 0; i < 6; ++i) image.pixels[i * 3] = static_cast<uint8_t>(1 << i);
  const Image turned = apply_orientation(image, orientation);
  unsigned seen = 0;
  for (size_t i = 0; i < 6; ++i) seen |= turned.pixels[i * 3];
  fuzz::require(turned.pixels.size() == 18 && seen == 63, "turning keeps every pixel");
  return 0;
}
