// A PNG writer whose output never depends on a compressor's version: 8-bit RGB, no filter, deflate with stored blocks only (RFC 1951,
// 3.2.4). The files are as large as the pixels; that is the price of equal bytes everywhere.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace infig::postcards {

// The bytes of a PNG file. `rgb` holds width * height * 3 bytes, row by row. Throws std::invalid_argument on another length or a side of 0.
std::string stored_png(std::span<const uint8_t> rgb, int64_t width, int64_t height);

}  // namespace infig::postcards
