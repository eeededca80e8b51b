// Picture files -> RGB. The content decides the format, never the name (docs/pictures.md).
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "core/file_span.h"
#include "image/image.h"

namespace infig {

enum class ImageStatus {
  kOk,
  kTruncated,      // decoded; rows that are not in the file are grey
  kAbsent,         // no such file, or not a readable one
  kEmpty,          // zero bytes
  kUnknownFormat,  // none of JPEG, PNG, WebP, GIF, BMP, AVIF, HEIC, TIFF, JXL
  kBroken,         // no row could be decoded
  kTooLarge,       // more pixels than max_pixels, or a file of more than kMaxPictureBytes; nothing was allocated
};

// A picture's file, encoded. The largest of the published data sets have 20 MB.
inline constexpr int64_t kMaxPictureBytes = int64_t{256} << 20;

const char* image_status_name(ImageStatus status);  // "ok", "truncated", "absent", "empty", "unknown_format", "broken", "too_large"
inline bool usable(ImageStatus status) { return status == ImageStatus::kOk || status == ImageStatus::kTruncated; }

struct DecodeOptions {
  int64_t max_pixels = 100'000'000;  // width x height above it is refused before anything is allocated
  bool apply_exif =
      true;  // turn the picture as its EXIF orientation says, or what stands for it in AVIF, TIFF and JXL; HEIC is always turned
  // JPEG: the inverse DCT may give fewer pixels, in eighths of each side, as long as the shorter one keeps at least this many; 0: all of
  // them. For callers that shrink the picture anyway: the result is close to the exact one, not equal. Other formats are decoded whole.
  int64_t shorter_side = 0;
};

struct DecodedImage {
  Image image = {};  // empty unless usable(status)
  ImageStatus status = ImageStatus::kOk;
  std::string reason = {};  // why, in words, for every status but kOk
  // Of the picture in the file, turned as `image` is; larger than `image` where shorter_side let it become smaller. 0 unless usable.
  int64_t width = 0, height = 0;
};

// JPEG (baseline, progressive, grey, CMYK, YCCK; of several the first), PNG (every depth, palette, interlaced; alpha over white), WebP, GIF
// and other animations (first frame), BMP (without RLE), AVIF, HEIC, TIFF (first page, up to 16 bits a sample), JXL. A bad picture is a
// value, never an exception; only memory running out throws. Pixels equal Pillow's convert("RGB"); as there, CMYK in a JPEG is read as
// Adobe stores it (inverted), 16-bit samples keep their high byte, and colour profiles and gamma are left alone. Deviates: alpha goes over
// white, where convert("RGB") drops it; samples of 5 and 6 bits in a BMP are rounded, where Pillow cuts them (1/255); AVIF and TIFF come
// within 1/255, HEIC and JXL as their own libraries have them.
DecodedImage decode_image(std::span<const uint8_t> bytes, const DecodeOptions& options);
DecodedImage decode_image_file(const FileSpan& picture, const DecodeOptions& options);

// The reading half of decode_image_file, for timing reading and decoding separately.
struct ImageFile {
  std::vector<uint8_t> bytes;  // to be decoded where status is kOk
  ImageStatus status = ImageStatus::kOk;
  std::string reason = {};  // why, in words, for every status but kOk
};
// A span that extends beyond the end of the file is read as a truncated file.
ImageFile read_image_file(const FileSpan& picture);

// Formats of the list above that this build cannot decode, since their library was not there when it was made (all but JPEG and PNG can
// be left out). A picture in one of them is kUnknownFormat with a reason that says so.
std::span<const char* const> formats_left_out();

// The format by its signature: "JPEG", "PNG", "WebP", "GIF", "BMP", "AVIF", "HEIC", "TIFF", "JXL", or null. 64 bytes are enough.
const char* image_format(std::span<const uint8_t> bytes);

}  // namespace infig
