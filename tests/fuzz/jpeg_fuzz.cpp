// JPEG files, whole and by eighths.
#include "fuzz/pictures.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace infig;
  if (fuzz::check_picture(data, size, "JPEG") != 0) return -1;
  return fuzz::check_picture(data, size, "JPEG", {.max_pixels = fuzz::kMaxPixels, .shorter_side = 5});
}
