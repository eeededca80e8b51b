#include "image/encode.h"

#include <csetjmp>
#include <cstdio>
#include <cstdlib>
// clang-format off: jpeglib.h needs FILE and size_t from above
#include <jpeglib.h>
// clang-format on

#include <fmt/format.h>

#include "core/error.h"

namespace infig {
namespace {

struct Writer {
  jpeg_compress_struct info{};
  jpeg_error_mgr errors{};
  std::jmp_buf escape;
  char message[JMSG_LENGTH_MAX] = {};
  unsigned char* bytes = nullptr;  // grows inside libjpeg
  unsigned long size = 0;

  ~Writer() {
    jpeg_destroy_compress(&info);
    std::free(bytes);
  }
};

void on_write_error(j_common_ptr info) {
  auto& writer = *static_cast<Writer*>(info->client_data);
  info->err->format_message(info, writer.message);
  std::longjmp(writer.escape, 1);
}

void on_write_message(j_common_ptr, int) {}

bool write_picture(Writer& writer, const Image& image, int quality) {
  if (setjmp(writer.escape) != 0) return false;
  jpeg_create_compress(&writer.info);
  jpeg_mem_dest(&writer.info, &writer.bytes, &writer.size);
  writer.info.image_width = static_cast<JDIMENSION>(image.width);
  writer.info.image_height = static_cast<JDIMENSION>(image.height);
  writer.info.input_components = 3;
  writer.info.in_color_space = JCS_RGB;
  jpeg_set_defaults(&writer.info);
  jpeg_set_quality(&writer.info, quality, TRUE);
  jpeg_start_compress(&writer.info, TRUE);
  while (writer.info.next_scanline < writer.info.image_height) {
    JSAMPROW row = const_cast<JSAMPROW>(image.at(0, writer.info.next_scanline));
    jpeg_write_scanlines(&writer.info, &row, 1);
  }
  jpeg_finish_compress(&writer.info);
  return true;
}

}  // namespace

std::string encode_jpeg(const Image& image, int quality) {
  if (quality < 1 || quality > 100) throw ResourceError(fmt::format("encode_jpeg: quality {}, expected 1 .. 100", quality));
  if (image.width < 1 || image.height < 1 || image.width > JPEG_MAX_DIMENSION || image.height > JPEG_MAX_DIMENSION) {
    throw ResourceError(
        fmt::format("encode_jpeg: a picture of {} x {}; JPEG holds 1 .. {} pixels a side", image.width, image.height, JPEG_MAX_DIMENSION));
  }
  Writer writer;
  writer.info.err = jpeg_std_error(&writer.errors);
  writer.errors.error_exit = on_write_error;
  writer.errors.emit_message = on_write_message;
  writer.info.client_data = &writer;
  if (!write_picture(writer, image, quality)) {
    if (writer.info.dest != nullptr)
      (*writer.info.dest->term_destination)(&writer.info);  // sets the pointer to the buffer that we must free
    throw ResourceError(fmt::format("encode_jpeg: {}", writer.message));
  }
  return {reinterpret_cast<const char*>(writer.bytes), writer.size};
}

}  // namespace infig
