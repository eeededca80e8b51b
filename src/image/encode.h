// RGB -> JPEG, for thumbnails and reports.
#pragma once

#include <string>

#include "image/image.h"

namespace infig {

std::string encode_jpeg(const Image& image, int quality);  // quality 1..100; throws ResourceError

}  // namespace infig
