#include <csetjmp>
#include <cstdio>
#include <cstring>
// clang-format off: jpeglib.h needs FILE and size_t from above, and jerror.h needs jpeglib.h
#include <jpeglib.h>
#include <jerror.h>
// clang-format on

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "image/decoders.h"

namespace infig {
namespace {

// A progressive file may repeat scans over the whole picture without end; no encoder writes more than a few dozen.
constexpr int kMaxScans = 500;
constexpr JDIMENSION kRowsAtOnce = 16;

// libjpeg leaves by longjmp, so everything that needs a destructor lives in the caller and each step that may fail sets its own mark.
struct JpegReader {
  jpeg_decompress_struct info{};
  jpeg_error_mgr errors{};
  jpeg_progress_mgr progress{};
  std::jmp_buf escape;
  char message[JMSG_LENGTH_MAX] = {};
  int code = 0;
  bool several_scans = false;
  bool data_ended = false;    // the decoder ran out of bytes of the picture itself, not only of the end marker
  int64_t complete_rows = 0;  // rows whose data was complete when it did
};

JpegReader& reader_of(j_common_ptr info) { return *static_cast<JpegReader*>(info->client_data); }

void on_error(j_common_ptr info) {
  JpegReader& reader = reader_of(info);
  reader.code = info->err->msg_code;
  info->err->format_message(info, reader.message);
  std::longjmp(reader.escape, 1);
}

void on_message(j_common_ptr info, int level) {
  if (level >= 0) return;  // only warnings (-1) tell of damage
  JpegReader& reader = reader_of(info);
  ++info->err->num_warnings;
  const auto* decompress = reinterpret_cast<j_decompress_ptr>(info);
  // The end of the file is met early by the bit buffer; with one scan, only a lack of bits for a block (JWRN_HIT_MARKER) means that
  // data is missing. With several, whole scans may be missing, and arithmetic coding does not report it; there the end of the file decides.
  const bool any_end = reader.several_scans || decompress->arith_code != FALSE;
  const bool ended = info->err->msg_code == JWRN_HIT_MARKER || (any_end && info->err->msg_code == JWRN_JPEG_EOF);
  if (!ended || reader.data_ended) return;
  reader.data_ended = true;
  info->err->format_message(info, reader.message);
  const int64_t rows = static_cast<int64_t>(decompress->input_iMCU_row) * decompress->max_v_samp_factor * DCTSIZE;
  reader.complete_rows = decompress->input_scan_number > 1 ? decompress->image_height : rows;
}

void on_progress(j_common_ptr info) {
  if (info->is_decompressor && reinterpret_cast<j_decompress_ptr>(info)->input_scan_number > kMaxScans) {
    JpegReader& reader = reader_of(info);
    std::snprintf(reader.message, sizeof reader.message, "more than %d scans", kMaxScans);
    std::longjmp(reader.escape, 1);
  }
}

bool read_header(JpegReader& reader, std::span<const uint8_t> bytes, bool keep_exif) {
  if (setjmp(reader.escape) != 0) return false;
  jpeg_create_decompress(&reader.info);
  reader.info.client_data = &reader;
  reader.info.progress = &reader.progress;
  jpeg_mem_src(&reader.info, bytes.data(), static_cast<unsigned long>(bytes.size()));
  if (keep_exif) jpeg_save_markers(&reader.info, JPEG_APP0 + 1, 0xFFFF);
  jpeg_read_header(&reader.info, TRUE);
  reader.several_scans = jpeg_has_multiple_scans(&reader.info) != FALSE;
  return true;
}

// Inks are stored inverted: ink = 255 - stored. A channel shows light - ink * light / 255 with light = 255 - black ink.
void cmyk_to_rgb(const uint8_t* cmyk, int64_t count, uint8_t* rgb) {
  for (int64_t i = 0; i < count; ++i, cmyk += 4, rgb += 3) {
    const int light = cmyk[3];
    for (int c = 0; c < 3; ++c) {
      const int product = (255 - cmyk[c]) * light + 128;
      rgb[c] = static_cast<uint8_t>(light - ((product + (product >> 8)) >> 8));
    }
  }
}

// The smallest number of eighths at which the shorter side keeps `shorter_side` pixels. 8 where 0 is asked for or the picture is small.
unsigned int eighths(int64_t width, int64_t height, int64_t shorter_side) {
  const int64_t shorter = std::min(width, height);
  if (shorter_side < 1 || shorter <= shorter_side) return DCTSIZE;
  return static_cast<unsigned int>((shorter_side * DCTSIZE + shorter - 1) / shorter);
}

bool start_picture(JpegReader& reader, int64_t shorter_side) {
  if (setjmp(reader.escape) != 0) return false;
  reader.info.scale_num = eighths(reader.info.image_width, reader.info.image_height, shorter_side);
  reader.info.scale_denom = DCTSIZE;
  const bool four = reader.info.jpeg_color_space == JCS_CMYK || reader.info.jpeg_color_space == JCS_YCCK;
  reader.info.out_color_space = four ? JCS_CMYK : JCS_RGB;
  jpeg_start_decompress(&reader.info);
  return true;
}

bool read_rows(JpegReader& reader, uint8_t* pixels) {
  if (setjmp(reader.escape) != 0) return false;
  jpeg_decompress_struct& info = reader.info;
  const size_t row_bytes = static_cast<size_t>(info.output_width) * 3;
  if (info.out_color_space == JCS_CMYK) {
    JSAMPARRAY row = (*info.mem->alloc_sarray)(reinterpret_cast<j_common_ptr>(&info), JPOOL_IMAGE, info.output_width * 4, 1);
    while (info.output_scanline < info.output_height) {
      uint8_t* target = pixels + info.output_scanline * row_bytes;
      jpeg_read_scanlines(&info, row, 1);
      cmyk_to_rgb(row[0], info.output_width, target);
    }
    return true;
  }
  JSAMPROW rows[kRowsAtOnce];
  while (info.output_scanline < info.output_height) {
    const JDIMENSION count = std::min(kRowsAtOnce, info.output_height - info.output_scanline);
    for (JDIMENSION i = 0; i < count; ++i) rows[i] = pixels + (info.output_scanline + i) * row_bytes;
    jpeg_read_scanlines(&info, rows, count);
  }
  return true;
}

std::vector<uint8_t> saved_exif(const JpegReader& reader) {
  for (auto marker = reader.info.marker_list; marker != nullptr; marker = marker->next) {
    if (marker->data_length >= 6 && std::memcmp(marker->data, "Exif\0\0", 6) == 0)
      return {marker->data, marker->data + marker->data_length};
  }
  return {};
}

}  // namespace

DecodedFile decode_jpeg(std::span<const uint8_t> bytes, const DecodeOptions& options) {
  auto reader = std::make_unique<JpegReader>();
  reader->info.err = jpeg_std_error(&reader->errors);
  reader->errors.error_exit = on_error;
  reader->errors.emit_message = on_message;
  reader->progress.progress_monitor = on_progress;
  // jpeg_create_decompress zeroes all but `err` and `client_data`; an error inside it needs the way back already.
  reader->info.client_data = reader.get();
  const auto destroy = [](JpegReader* r) { jpeg_destroy_decompress(&r->info); };
  const std::unique_ptr<JpegReader, decltype(destroy)> guard(reader.get(), destroy);

  const auto broken = [&] {
    return failed(ImageStatus::kBroken, fmt::format("broken JPEG: no row could be decoded: {}", reader->message));
  };
  if (!read_header(*reader, bytes, options.apply_exif)) {
    if (reader->code != JERR_IMAGE_TOO_BIG) return {.decoded = broken(), .exif = {}};
    return {.decoded = failed(ImageStatus::kTooLarge, fmt::format("JPEG: {}", reader->message)), .exif = {}};
  }
  const int64_t stored_width = reader->info.image_width, stored_height = reader->info.image_height;
  if (exceeds(stored_width, stored_height, options.max_pixels)) {
    return {.decoded = too_large("JPEG", stored_width, stored_height, options.max_pixels), .exif = {}};
  }
  if (!start_picture(*reader, options.shorter_side)) return {.decoded = broken(), .exif = {}};
  if (reader->data_ended && reader->complete_rows == 0) return {.decoded = broken(), .exif = {}};

  const int64_t width = reader->info.output_width, height = reader->info.output_height;
  Image image{.width = width, .height = height, .pixels = std::vector<uint8_t>(static_cast<size_t>(width * height * 3), kMissingRow)};
  const bool finished = read_rows(*reader, image.pixels.data());
  int64_t rows = height;
  if (!finished) rows = std::min<int64_t>(rows, reader->info.output_scanline);
  if (reader->data_ended && reader->complete_rows < stored_height) {
    rows = std::min(rows, reader->complete_rows * reader->info.scale_num / DCTSIZE);
  }
  DecodedFile file{.decoded = {}, .exif = saved_exif(*reader)};
  if (reader->data_ended && rows == height) {  // every row, but not every refinement of it
    auto reason = fmt::format("truncated JPEG: all rows decoded, some refining scans are missing: {}", reader->message);
    file.decoded = {.image = std::move(image), .status = ImageStatus::kTruncated, .reason = std::move(reason)};
  } else {
    // Reported in rows of the file, at any scale.
    const int64_t stored_rows = rows == height ? stored_height : rows * DCTSIZE / reader->info.scale_num;
    file.decoded = rows_outcome(std::move(image), stored_rows, "JPEG", reader->message, stored_height);
  }
  if (usable(file.decoded.status)) {
    file.decoded.width = stored_width;
    file.decoded.height = stored_height;
  }
  return file;
}

}  // namespace infig
