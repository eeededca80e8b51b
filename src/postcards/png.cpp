#include "postcards/png.h"

#include <zlib.h>

#include <algorithm>
#include <stdexcept>
#include <string_view>

namespace infig::postcards {
namespace {

void put_u32(std::string& bytes, uint32_t value) {  // big-endian
  for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(value >> shift & 0xFF));
}

const Bytef* as_bytes(const std::string& bytes, size_t offset = 0) { return reinterpret_cast<const Bytef*>(bytes.data()) + offset; }

void put_chunk(std::string& png, std::string_view type, std::string_view data) {
  put_u32(png, static_cast<uint32_t>(data.size()));
  const size_t start = png.size();
  png.append(type).append(data);
  put_u32(png, static_cast<uint32_t>(crc32(0, as_bytes(png, start), static_cast<uInt>(png.size() - start))));
}

std::string stored_zlib(const std::string& raw) {
  constexpr size_t kLargestBlock = 65535;
  std::string stream("\x78\x01", 2);
  for (size_t offset = 0; offset < raw.size(); offset += kLargestBlock) {
    const size_t length = std::min(kLargestBlock, raw.size() - offset);
    stream.push_back(offset + length == raw.size() ? '\x01' : '\x00');
    for (const size_t value : {length, ~length}) {  // little-endian
      stream.push_back(static_cast<char>(value & 0xFF));
      stream.push_back(static_cast<char>(value >> 8 & 0xFF));
    }
    stream.append(raw, offset, length);
  }
  put_u32(stream, static_cast<uint32_t>(adler32(1, as_bytes(raw), static_cast<uInt>(raw.size()))));
  return stream;
}

}  // namespace

std::string stored_png(std::span<const uint8_t> rgb, int64_t width, int64_t height) {
  if (width < 1 || height < 1 || rgb.size() != static_cast<size_t>(width * height * 3)) {
    throw std::invalid_argument("stored_png: the pixels are not width * height * 3 bytes");
  }
  std::string rows;
  rows.reserve(rgb.size() + static_cast<size_t>(height));
  const auto stride = static_cast<size_t>(width * 3);
  for (size_t row = 0; row < static_cast<size_t>(height); ++row) {
    rows.push_back('\0');  // filter "none"
    rows.append(reinterpret_cast<const char*>(rgb.data()) + row * stride, stride);
  }
  std::string header;
  put_u32(header, static_cast<uint32_t>(width));
  put_u32(header, static_cast<uint32_t>(height));
  header.append(std::string("\x08\x02\x00\x00\x00", 5));  // 8 bits, RGB, deflate, standard filters, not interlaced
  std::string png("\x89PNG\r\n\x1A\n");
  put_chunk(png, "IHDR", header);
  put_chunk(png, "IDAT", stored_zlib(rows));
  put_chunk(png, "IEND", "");
  return png;
}

}  // namespace infig::postcards
