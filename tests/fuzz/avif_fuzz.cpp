// AVIF files.
#include "fuzz/pictures.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) { return infig::fuzz::check_picture(data, size, "AVIF"); }
