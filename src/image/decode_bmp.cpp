#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>

#include "image/decoders.h"

#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_ONLY_BMP
#define STBI_NO_STDIO
#define STBI_NO_LINEAR
#define STBI_NO_HDR
#include <stb/stb_image.h>

namespace infig {
namespace {

struct BmpHeader {
  int64_t width = 0, height = 0;
  bool top_down = false;
  int64_t bits = 0, data_offset = 0, compression = 0;
};

uint32_t little_endian(std::span<const uint8_t> bytes, size_t at, size_t count) {
  uint32_t value = 0;
  for (size_t i = 0; i < count; ++i) value |= static_cast<uint32_t>(bytes[at + i]) << (8 * i);
  return value;
}

// The caller has seen 14 + 40 bytes, or 14 + 12 of the oldest kind.
BmpHeader parse_header(std::span<const uint8_t> bytes) {
  BmpHeader header;
  header.data_offset = little_endian(bytes, 10, 4);
  if (bytes[14] == 12) {
    header.width = little_endian(bytes, 18, 2);
    header.height = little_endian(bytes, 20, 2);
    header.bits = little_endian(bytes, 24, 2);
    return header;
  }
  header.width = static_cast<int32_t>(little_endian(bytes, 18, 4));
  const int64_t height = static_cast<int32_t>(little_endian(bytes, 22, 4));
  header.height = std::abs(height);
  header.top_down = height < 0;
  header.bits = little_endian(bytes, 28, 2);
  header.compression = little_endian(bytes, 30, 4);
  return header;
}

// What stb would read as something else, or refuse without saying why.
std::string unsupported(const BmpHeader& header) {
  constexpr int64_t kBitFields = 3, kAlphaBitFields = 6;
  if (header.compression == 1 || header.compression == 2) return "run-length coding (RLE)";
  const bool fields = header.compression == kBitFields || header.compression == kAlphaBitFields;
  if (header.compression != 0 && !(fields && header.bits > 8)) {
    return fmt::format("compression {}", header.compression);
  }
  constexpr int64_t kBits[] = {1, 4, 8, 16, 24, 32};
  if (std::find(std::begin(kBits), std::end(kBits), header.bits) == std::end(kBits)) return fmt::format("{} bits a pixel", header.bits);
  return "";
}

void append_little_endian(std::vector<uint8_t>& bytes, int64_t value, int count) {
  for (int i = 0; i < count; ++i) bytes.push_back(static_cast<uint8_t>(static_cast<uint64_t>(value) >> (8 * i)));
}

// A picture with a palette, or of the oldest kind (12 bytes of header, colours of 3 bytes), as one of the usual kind with every colour that
// a sample can name, those that the file lacks black. stb counts too few colours of the oldest kind, and shows whatever lies in memory
// for a colour that the file does not have.
std::vector<uint8_t> with_whole_palette(std::span<const uint8_t> bytes, const BmpHeader& header) {
  constexpr int64_t kHeaders = 54;
  const int64_t color_bytes = bytes[14] == 12 ? 3 : 4, palette = 14 + int64_t{bytes[14]};
  const int64_t colors = header.bits <= 8 ? int64_t{1} << header.bits : 0;
  std::vector<uint8_t> out = {'B', 'M', 0, 0, 0, 0, 0, 0, 0, 0};
  append_little_endian(out, kHeaders + colors * 4, 4);
  append_little_endian(out, 40, 4);
  append_little_endian(out, header.width, 4);
  append_little_endian(out, header.top_down ? -header.height : header.height, 4);
  append_little_endian(out, 1, 2);
  append_little_endian(out, header.bits, 2);
  out.resize(static_cast<size_t>(kHeaders + colors * 4), 0);
  const int64_t there = std::clamp<int64_t>((header.data_offset - palette) / color_bytes, 0, colors);
  for (int64_t i = 0; i < there; ++i) {
    std::copy_n(bytes.begin() + palette + i * color_bytes, 3, out.begin() + kHeaders + i * 4);
  }
  out.insert(out.end(), bytes.begin() + header.data_offset, bytes.end());
  return out;
}

DecodedFile broken(const std::string& why) {
  return {.decoded = failed(ImageStatus::kBroken, "broken BMP: no row could be decoded: " + why), .exif = {}};
}

}  // namespace

DecodedFile decode_bmp(std::span<const uint8_t> bytes, const DecodeOptions& options) {
  if (bytes.size() < (bytes[14] == 12 ? 26u : 54u)) return broken("the header ends early");
  const BmpHeader header = parse_header(bytes);
  if (header.width < 1 || header.height < 1) return broken(fmt::format("a size of {} x {}", header.width, header.height));
  if (exceeds(header.width, header.height, options.max_pixels)) {
    return {.decoded = too_large("BMP", header.width, header.height, options.max_pixels), .exif = {}};
  }
  if (const std::string why = unsupported(header); !why.empty()) return broken(why + " is not supported; save it as PNG or as plain BMP");
  // stb reads zeros behind the end, so how many rows the file holds is counted here.
  const int64_t stride = (header.width * header.bits + 31) / 32 * 4;
  const int64_t available = static_cast<int64_t>(bytes.size()) - header.data_offset;
  const int64_t rows = stride > 0 ? std::clamp<int64_t>(available / stride, 0, header.height) : 0;
  if (rows == 0) return broken("the file ends early");
  if (bytes.size() > static_cast<size_t>(std::numeric_limits<int>::max())) return broken("more than 2 GiB");

  std::vector<uint8_t> rewritten;
  if (bytes[14] == 12 || header.bits <= 8) {
    if (header.data_offset < 14 + int64_t{bytes[14]}) return broken("bad offset");
    rewritten = with_whole_palette(bytes, header);
    bytes = rewritten;
  }
  int width = 0, height = 0, channels = 0;
  const std::unique_ptr<uint8_t, void (*)(void*)> pixels(
      stbi_load_from_memory(bytes.data(), static_cast<int>(bytes.size()), &width, &height, &channels, 3), stbi_image_free);
  if (!pixels) return broken(stbi_failure_reason());
  if (width != header.width || height != header.height) return broken("the size in the header is not one that can be read");
  Image image{.width = width, .height = height, .pixels = {}};
  image.pixels.assign(pixels.get(), pixels.get() + header.width * header.height * 3);
  const int64_t missing = (header.height - rows) * header.width * 3;  // bottom-up files lack the upper rows
  const auto from = header.top_down ? image.pixels.end() - missing : image.pixels.begin();
  std::fill(from, from + missing, kMissingRow);
  return {.decoded = rows_outcome(std::move(image), rows, "BMP", "the file ends early"), .exif = {}};
}

}  // namespace infig
