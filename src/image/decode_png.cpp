#include <png.h>

#include <csetjmp>
#include <cstring>
#include <memory>

#include "image/decoders.h"

namespace infig {
namespace {

// libpng leaves by longjmp, so everything that needs a destructor lives in the caller and each step that may fail sets its own mark.
struct PngReader {
  png_structp png = nullptr;
  png_infop info = nullptr;
  std::span<const uint8_t> bytes;
  size_t position = 0;
  std::jmp_buf escape;
  char message[128] = {};
  int64_t rows = 0;  // of the present pass
  int pass = 0;

  ~PngReader() { png_destroy_read_struct(&png, &info, nullptr); }
};

void on_error(png_structp png, png_const_charp message) {
  auto& reader = *static_cast<PngReader*>(png_get_error_ptr(png));
  std::strncpy(reader.message, message, sizeof reader.message - 1);
  std::longjmp(reader.escape, 1);
}

void on_warning(png_structp, png_const_charp) {}

void on_read(png_structp png, png_bytep target, size_t count) {
  auto& reader = *static_cast<PngReader*>(png_get_io_ptr(png));
  if (reader.bytes.size() - reader.position < count) png_error(png, "the file ends early");
  std::memcpy(target, reader.bytes.data() + reader.position, count);
  reader.position += count;
}

// What libpng is given of a file, and whether the file ends within a chunk of pixels. Any other chunk that ends beyond the file is left
// out: libpng would allocate what it claims to hold, up to 2 GiB, before it looks for it.
bool cut_short(std::span<const uint8_t>& bytes) {
  for (size_t at = 8; at + 8 <= bytes.size();) {
    const uint8_t* chunk = bytes.data() + at;
    const size_t length = png_get_uint_32(chunk);
    if (length > PNG_UINT_31_MAX || at + 12 + length > bytes.size()) {
      if (std::memcmp(chunk + 4, "IDAT", 4) == 0) return true;
      bytes = bytes.first(at);
      return false;
    }
    at += 12 + length;
  }
  return false;
}

bool read_header(PngReader& reader) {
  if (setjmp(reader.escape) != 0) return false;
  reader.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &reader, on_error, on_warning);
  if (reader.png == nullptr) return false;
  reader.info = png_create_info_struct(reader.png);
  if (reader.info == nullptr) return false;
  png_set_read_fn(reader.png, &reader, on_read);
  // libpng asks for a piece of a chunk at a time and gives up where it gets less; byte by byte nothing of a cut chunk is lost.
  if (cut_short(reader.bytes)) png_set_compression_buffer_size(reader.png, 1);
  png_set_user_limits(reader.png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);  // max_pixels is the limit
  png_read_info(reader.png, reader.info);
  return true;
}

// Everything becomes 8-bit RGB or RGBA. Returns the channels, or 0 after an error.
int start_picture(PngReader& reader) {
  if (setjmp(reader.escape) != 0) return 0;
  png_set_expand(reader.png);    // palette -> RGB, few bits -> 8, tRNS -> alpha
  png_set_strip_16(reader.png);  // the high byte, as Pillow
  png_set_gray_to_rgb(reader.png);
  png_set_interlace_handling(reader.png);
  png_read_update_info(reader.png, reader.info);
  return png_get_channels(reader.png, reader.info);
}

// Reads all passes into `rows` (stride bytes a row, or one row where stride is 0, handed to `blend` after each).
bool read_rows(PngReader& reader, uint8_t* rows, size_t stride, Image* blend_into) {
  if (setjmp(reader.escape) != 0) return false;
  const auto height = static_cast<int64_t>(png_get_image_height(reader.png, reader.info));
  const int passes = png_get_interlace_type(reader.png, reader.info) == PNG_INTERLACE_ADAM7 ? PNG_INTERLACE_ADAM7_PASSES : 1;
  for (reader.pass = 0; reader.pass < passes; ++reader.pass) {
    for (reader.rows = 0; reader.rows < height; ++reader.rows) {
      uint8_t* row = rows + static_cast<size_t>(reader.rows) * stride;
      // With interlacing the second place fills the gaps of early passes with blocks, so that a cut file shows a coarse picture.
      if (passes == 1) {
        png_read_row(reader.png, row, nullptr);
      } else {
        png_read_row(reader.png, nullptr, row);
      }
      if (blend_into != nullptr) blend_over_white(row, blend_into->width, blend_into->at(0, reader.rows));
    }
  }
  return true;
}

// eXIf may follow the picture; if it is damaged, only the orientation is lost.
void read_tail(PngReader& reader) {
  if (setjmp(reader.escape) == 0) png_read_end(reader.png, reader.info);
}

std::vector<uint8_t> find_exif(PngReader& reader) {
  png_bytep block = nullptr;
  png_uint_32 size = 0;
  if (png_get_eXIf_1(reader.png, reader.info, &size, &block) == 0 || block == nullptr) return {};
  return {block, block + size};
}

}  // namespace

DecodedFile decode_png(std::span<const uint8_t> bytes, const DecodeOptions& options) {
  PngReader reader;
  reader.bytes = bytes;
  const auto broken = [&] { return failed(ImageStatus::kBroken, std::string("broken PNG: no row could be decoded: ") + reader.message); };
  if (!read_header(reader)) return {.decoded = broken(), .exif = {}};
  const int64_t width = png_get_image_width(reader.png, reader.info), height = png_get_image_height(reader.png, reader.info);
  if (exceeds(width, height, options.max_pixels)) return {.decoded = too_large("PNG", width, height, options.max_pixels), .exif = {}};
  const int channels = start_picture(reader);
  if (channels == 0) return {.decoded = broken(), .exif = {}};

  Image image{.width = width, .height = height, .pixels = std::vector<uint8_t>(static_cast<size_t>(width * height * 3), kMissingRow)};
  const bool interlaced = png_get_interlace_type(reader.png, reader.info) == PNG_INTERLACE_ADAM7;
  bool finished = false;
  if (channels == 3) {
    finished = read_rows(reader, image.pixels.data(), static_cast<size_t>(width) * 3, nullptr);
  } else if (!interlaced) {
    std::vector<uint8_t> row(static_cast<size_t>(width) * 4);
    finished = read_rows(reader, row.data(), 0, &image);
  } else {  // every pass adds to the rows of the one before
    std::vector<uint8_t> rgba(static_cast<size_t>(width * height * 4), kMissingRow);
    for (size_t i = 3; i < rgba.size(); i += 4) rgba[i] = 255;
    finished = read_rows(reader, rgba.data(), static_cast<size_t>(width) * 4, nullptr);
    blend_over_white(rgba.data(), width * height, image.pixels.data());
  }
  const std::string why = reader.message;
  if (finished && options.apply_exif) read_tail(reader);
  std::vector<uint8_t> exif = options.apply_exif ? find_exif(reader) : std::vector<uint8_t>();
  if (!finished && reader.pass > 0) {
    auto reason = "truncated PNG: " + std::to_string(reader.pass) + " of 7 interlaced passes decoded, the rest is coarse: " + why;
    return {.decoded = {.image = std::move(image), .status = ImageStatus::kTruncated, .reason = std::move(reason)},
            .exif = std::move(exif)};
  }
  return {.decoded = rows_outcome(std::move(image), finished ? height : reader.rows, "PNG", why), .exif = std::move(exif)};
}

}  // namespace infig
