#include <fmt/format.h>
#include <tiffio.h>

#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>

#include "image/decoders.h"

namespace infig {
namespace {

// A file in memory, and the first thing that the library had to say about it.
struct TiffSource {
  std::span<const uint8_t> bytes;
  uint64_t position = 0;
  std::string fault;
};

tmsize_t on_tiff_read(thandle_t handle, void* target, tmsize_t count) {
  auto& source = *static_cast<TiffSource*>(handle);
  const uint64_t there = source.position < source.bytes.size() ? source.bytes.size() - source.position : 0;
  const uint64_t got = std::min<uint64_t>(there, static_cast<uint64_t>(std::max<tmsize_t>(count, 0)));
  if (got > 0) std::memcpy(target, source.bytes.data() + source.position, got);
  source.position += got;
  return static_cast<tmsize_t>(got);
}
tmsize_t on_tiff_write(thandle_t, void*, tmsize_t) { return 0; }
toff_t on_tiff_seek(thandle_t handle, toff_t offset, int whence) {
  auto& source = *static_cast<TiffSource*>(handle);
  if (whence == SEEK_SET) source.position = offset;
  if (whence == SEEK_CUR) source.position += offset;
  if (whence == SEEK_END) source.position = source.bytes.size() + offset;
  return source.position;
}
int on_tiff_close(thandle_t) { return 0; }
// The bytes are in memory already. Debian 12's libtiff reads tiles that are not compressed only so, unless they fill whole kilobytes.
int on_tiff_map(thandle_t handle, void** base, toff_t* size) {
  const auto& source = *static_cast<TiffSource*>(handle);
  *base = const_cast<uint8_t*>(source.bytes.data());  // of a file that is read, nothing is written
  *size = source.bytes.size();
  return 1;
}
void on_tiff_unmap(thandle_t, void*, toff_t) {}
toff_t on_tiff_size(thandle_t handle) { return static_cast<TiffSource*>(handle)->bytes.size(); }

int on_tiff_error(TIFF*, void* user, const char*, const char* format, va_list arguments) {
  auto& source = *static_cast<TiffSource*>(user);
  if (!source.fault.empty()) return 1;
  std::array<char, 256> text{};
  std::vsnprintf(text.data(), text.size(), format, arguments);
  for (const char* c = text.data(); *c != '\0'; ++c) source.fault += *c >= ' ' && *c <= '~' ? *c : '?';
  return 1;
}
int on_tiff_warning(TIFF*, void*, const char*, const char*, va_list) { return 1; }

struct TiffClose {
  void operator()(TIFF* tiff) const { TIFFClose(tiff); }
};
using TiffFile = std::unique_ptr<TIFF, TiffClose>;

TiffFile open_tiff(TiffSource& source, int64_t largest) {
  TIFFOpenOptions* options = TIFFOpenOptionsAlloc();
  if (options == nullptr) return nullptr;
  TIFFOpenOptionsSetErrorHandlerExtR(options, on_tiff_error, &source);
  TIFFOpenOptionsSetWarningHandlerExtR(options, on_tiff_warning, nullptr);
  TIFFOpenOptionsSetMaxSingleMemAlloc(options, static_cast<tmsize_t>(largest));
  TiffFile tiff(TIFFClientOpenExt("picture", "r", &source, on_tiff_read, on_tiff_write, on_tiff_seek, on_tiff_close, on_tiff_size,
                                  on_tiff_map, on_tiff_unmap, options));
  TIFFOpenOptionsFree(options);
  return tiff;
}

template <typename Number>
Number tiff_field(TIFF* tiff, uint32_t tag, Number fallback) {
  Number value = fallback;
  return TIFFGetFieldDefaulted(tiff, tag, &value) == 1 ? value : fallback;
}

// Rows that are decoded at a time: whole strips or rows of tiles, so that none is decoded twice.
int64_t rows_at_once(TIFF* tiff, int64_t height) {
  uint32_t rows = 0;
  if (TIFFIsTiled(tiff) != 0) {
    rows = tiff_field<uint32_t>(tiff, TIFFTAG_TILELENGTH, 0);
  } else {
    rows = tiff_field<uint32_t>(tiff, TIFFTAG_ROWSPERSTRIP, 0);
  }
  return rows == 0 ? height : std::min<int64_t>(rows, height);
}

// One packed pixel as libtiff leaves it: colours already multiplied by alpha.
void over_white(uint32_t pixel, uint8_t* rgb) {
  const uint32_t white = 255 - TIFFGetA(pixel);
  rgb[0] = static_cast<uint8_t>(std::min<uint32_t>(255, TIFFGetR(pixel) + white));
  rgb[1] = static_cast<uint8_t>(std::min<uint32_t>(255, TIFFGetG(pixel) + white));
  rgb[2] = static_cast<uint8_t>(std::min<uint32_t>(255, TIFFGetB(pixel) + white));
}

// Decodes into `image`, which is grey; returns how many rows came whole.
int64_t read_rows(TIFF* tiff, TiffSource& source, Image& image) {
  std::array<char, 1024> why{};
  TIFFRGBAImage reader;
  if (TIFFRGBAImageBegin(&reader, tiff, 1, why.data()) == 0) {
    if (source.fault.empty()) source.fault = why.data();
    return 0;
  }
  // Rows stay as they are stored: apply_orientation() turns them.
  reader.orientation = reader.req_orientation = ORIENTATION_TOPLEFT;
  const int64_t step = rows_at_once(tiff, image.height);
  std::vector<uint32_t> raster(static_cast<size_t>(image.width * step));
  int64_t done = 0;
  while (done < image.height) {
    const int64_t rows = std::min(step, image.height - done);
    reader.row_offset = static_cast<int>(done);
    std::fill(raster.begin(), raster.end(), 0);
    if (TIFFRGBAImageGet(&reader, raster.data(), static_cast<uint32_t>(image.width), static_cast<uint32_t>(rows)) == 0) break;
    for (int64_t i = 0; i < image.width * rows; ++i) over_white(raster[static_cast<size_t>(i)], image.at(0, done) + i * 3);
    done += rows;
  }
  TIFFRGBAImageEnd(&reader);
  return done;
}

}  // namespace

DecodedFile decode_tiff(std::span<const uint8_t> bytes, const DecodeOptions& options) {
  TiffSource source{.bytes = bytes, .position = 0, .fault = {}};
  const auto broken = [&source] {
    return DecodedFile{.decoded = failed(ImageStatus::kBroken, fmt::format("broken TIFF: no row could be decoded: {}",
                                                                           source.fault.empty() ? "damaged" : source.fault)),
                       .exif = {}};
  };
  // One strip may be the whole picture, of up to four samples of 16 bits.
  constexpr int64_t kBytesAPixel = 8, kSpare = int64_t{1} << 20;
  const TiffFile tiff = open_tiff(source, std::min<int64_t>(options.max_pixels, int64_t{1} << 40) * kBytesAPixel + kSpare);
  if (!tiff) return broken();
  const int64_t width = tiff_field<uint32_t>(tiff.get(), TIFFTAG_IMAGEWIDTH, 0),
                height = tiff_field<uint32_t>(tiff.get(), TIFFTAG_IMAGELENGTH, 0);
  if (width < 1 || height < 1) {
    source.fault = fmt::format("a size of {} x {}", width, height);
    return broken();
  }
  if (exceeds(width, height, options.max_pixels)) return {.decoded = too_large("TIFF", width, height, options.max_pixels), .exif = {}};
  Image image = make_image(width, height, kMissingRow, kMissingRow, kMissingRow);
  const int64_t rows = read_rows(tiff.get(), source, image);
  const auto orientation = tiff_field<uint16_t>(tiff.get(), TIFFTAG_ORIENTATION, ORIENTATION_TOPLEFT);
  const std::string why = source.fault.empty() ? "the file ends early" : source.fault;
  return {.decoded = rows_outcome(std::move(image), rows, "TIFF", why), .exif = {}, .orientation = orientation <= 8 ? orientation : 1};
}

}  // namespace infig
