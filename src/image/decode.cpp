#include "image/decode.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "core/error.h"
#include "image/decoders.h"

namespace infig {
namespace {

using Decoder = DecodedFile (*)(std::span<const uint8_t>, const DecodeOptions&);

constexpr size_t kSignatureBytes = 64;

struct Format {
  const char* name;
  bool (*matches)(std::span<const uint8_t>);
  Decoder decode;  // null: left out of this build
};

bool has_text(std::span<const uint8_t> bytes, size_t at, std::string_view text) {
  return bytes.size() >= at + text.size() && std::memcmp(bytes.data() + at, text.data(), text.size()) == 0;
}

// "BM" alone begins many texts, so the size of the second header must be one that exists.
bool is_bmp(std::span<const uint8_t> bytes) {
  if (bytes.size() < 18 || !has_text(bytes, 0, "BM") || bytes[15] != 0 || bytes[16] != 0 || bytes[17] != 0) return false;
  constexpr uint8_t kSizes[] = {12, 40, 52, 56, 64, 108, 124};
  return std::find(std::begin(kSizes), std::end(kSizes), bytes[14]) != std::end(kSizes);
}

// The brands of a file in boxes (ISO 14496-12): the first box is "ftyp" with its main brand, a version, and further brands.
bool has_brand(std::span<const uint8_t> bytes, std::initializer_list<std::string_view> brands) {
  if (!has_text(bytes, 4, "ftyp")) return false;
  const size_t box = size_t{bytes[0]} << 24 | size_t{bytes[1]} << 16 | size_t{bytes[2]} << 8 | bytes[3];
  const size_t end = std::min({box, bytes.size(), kSignatureBytes});
  for (size_t at = 8; at + 4 <= end; at += 4) {
    if (at == 12) continue;  // the version
    for (const std::string_view brand : brands) {
      if (has_text(bytes, at, brand)) return true;
    }
  }
  return false;
}

bool is_avif(std::span<const uint8_t> bytes) { return has_brand(bytes, {"avif", "avis"}); }
bool is_heic(std::span<const uint8_t> bytes) {
  return has_brand(bytes, {"heic", "heix", "hevc", "hevx", "heim", "heis", "hevm", "hevs", "mif1", "msf1"});
}
bool is_tiff(std::span<const uint8_t> bytes) {
  using namespace std::string_view_literals;
  return has_text(bytes, 0, "II*\0"sv) || has_text(bytes, 0, "MM\0*"sv) || has_text(bytes, 0, "II+\0"sv) || has_text(bytes, 0, "MM\0+"sv);
}
bool is_jxl(std::span<const uint8_t> bytes) {
  using namespace std::string_view_literals;
  return has_text(bytes, 0, "\xFF\x0A") || has_text(bytes, 0, "\0\0\0\x0CJXL \x0D\x0A\x87\x0A"sv);
}

// Where a library was absent when this was built (cmake/InfigFolder.cmake), its decoder is not there: null.
#define INFIG_DECODER_0(decoder) nullptr
#define INFIG_DECODER_1(decoder) decoder
#define INFIG_DECODER_OF(has, decoder) INFIG_DECODER_##has(decoder)
#define INFIG_DECODER(has, decoder) INFIG_DECODER_OF(has, decoder)

constexpr Format kFormats[] = {
    {"JPEG", [](std::span<const uint8_t> b) { return has_text(b, 0, "\xFF\xD8\xFF"); }, decode_jpeg},
    {"PNG", [](std::span<const uint8_t> b) { return has_text(b, 0, "\x89PNG\r\n\x1A\n"); }, decode_png},
    {"WebP", [](std::span<const uint8_t> b) { return has_text(b, 0, "RIFF") && has_text(b, 8, "WEBP"); },
     INFIG_DECODER(INFIG_HAS_WEBP, decode_webp)},
    {"GIF", [](std::span<const uint8_t> b) { return has_text(b, 0, "GIF87a") || has_text(b, 0, "GIF89a"); },
     INFIG_DECODER(INFIG_HAS_GIF, decode_gif)},
    {"BMP", is_bmp, INFIG_DECODER(INFIG_HAS_BMP, decode_bmp)},
    {"AVIF", is_avif, INFIG_DECODER(INFIG_HAS_AVIF, decode_avif)},
    {"HEIC", is_heic, INFIG_DECODER(INFIG_HAS_HEIC, decode_heic)},
    {"TIFF", is_tiff, INFIG_DECODER(INFIG_HAS_TIFF, decode_tiff)},
    {"JXL", is_jxl, INFIG_DECODER(INFIG_HAS_JXL, decode_jxl)},
};

const Format* find_format(std::span<const uint8_t> bytes) {
  for (const auto& format : kFormats) {
    if (format.matches(bytes)) return &format;
  }
  return nullptr;
}

DecodedImage unknown_format(std::span<const uint8_t> bytes) {
  std::string start;
  for (size_t i = 0; i < std::min<size_t>(bytes.size(), 8); ++i) start += fmt::format("{}{:02x}", i == 0 ? "" : " ", bytes[i]);
  return failed(
      ImageStatus::kUnknownFormat,
      fmt::format("not a picture: expected JPEG, PNG, WebP, GIF, BMP, AVIF, HEIC, TIFF or JXL, found a file that begins with {}", start));
}

DecodedImage left_out(const char* format) {
  return failed(
      ImageStatus::kUnknownFormat,
      fmt::format("this build has no support for {}: its library was not there when infig was built; install it and build again, or "
                  "convert the picture to JPEG or PNG",
                  format));
}

}  // namespace

const char* image_status_name(ImageStatus status) {
  switch (status) {
    case ImageStatus::kOk:
      return "ok";
    case ImageStatus::kTruncated:
      return "truncated";
    case ImageStatus::kAbsent:
      return "absent";
    case ImageStatus::kEmpty:
      return "empty";
    case ImageStatus::kUnknownFormat:
      return "unknown_format";
    case ImageStatus::kBroken:
      return "broken";
    case ImageStatus::kTooLarge:
      return "too_large";
  }
  return "unknown status";
}

DecodedImage failed(ImageStatus status, std::string reason) { return {.image = {}, .status = status, .reason = std::move(reason)}; }

DecodedImage too_large(const char* format, int64_t width, int64_t height, int64_t max_pixels) {
  return failed(ImageStatus::kTooLarge, fmt::format("{} of {} x {} pixels, more than max_pixels {}; raise it or shrink the picture", format,
                                                    width, height, max_pixels));
}

DecodedImage rows_outcome(Image image, int64_t rows, const char* format, const std::string& why, int64_t height) {
  if (height == 0) height = image.height;
  if (rows >= height) return {.image = std::move(image), .status = ImageStatus::kOk, .reason = {}};
  if (rows <= 0) return failed(ImageStatus::kBroken, fmt::format("broken {}: no row could be decoded: {}", format, why));
  const auto reason = fmt::format("truncated {}: {} of {} rows decoded, the rest is grey: {}", format, rows, height, why);
  return {.image = std::move(image), .status = ImageStatus::kTruncated, .reason = reason};
}

void blend_over_white(const uint8_t* rgba, int64_t count, uint8_t* rgb) {
  for (int64_t i = 0; i < count; ++i, rgba += 4, rgb += 3) {
    const uint32_t alpha = rgba[3], white = 255 * (255 - alpha);
    for (int c = 0; c < 3; ++c) {
      const uint32_t sum = rgba[c] * alpha + white + 128;  // (sum + (sum >> 8)) >> 8 is the rounded division by 255
      rgb[c] = static_cast<uint8_t>((sum + (sum >> 8)) >> 8);
    }
  }
}

std::span<const char* const> formats_left_out() {
  static const std::vector<const char*> names = [] {
    std::vector<const char*> absent;
    for (const auto& format : kFormats) {
      if (format.decode == nullptr) absent.push_back(format.name);
    }
    return absent;
  }();
  return names;
}

const char* image_format(std::span<const uint8_t> bytes) {
  const Format* format = find_format(bytes);
  return format != nullptr ? format->name : nullptr;
}

DecodedImage decode_image(std::span<const uint8_t> bytes, const DecodeOptions& options) {
  if (bytes.empty()) return failed(ImageStatus::kEmpty, "the file has zero bytes");
  const Format* format = find_format(bytes);
  if (format == nullptr) return unknown_format(bytes);
  if (format->decode == nullptr) return left_out(format->name);
  DecodedFile file = format->decode(bytes, options);
  DecodedImage& decoded = file.decoded;
  if (!usable(decoded.status)) return std::move(decoded);
  if (decoded.width == 0) {
    decoded.width = decoded.image.width;
    decoded.height = decoded.image.height;
  }
  if (options.apply_exif && (!file.exif.empty() || file.orientation != 1)) {
    const int orientation = file.exif.empty() ? file.orientation : exif_orientation(file.exif);
    decoded.image = apply_orientation(std::move(decoded.image), orientation);
    if (orientation > 4) std::swap(decoded.width, decoded.height);  // 5 to 8 lay the picture on its side
  }
  return std::move(decoded);
}

ImageFile read_image_file(const FileSpan& picture) {
  const auto absent = [](const std::string& reason) { return ImageFile{{}, ImageStatus::kAbsent, reason}; };
  std::string fault;
  const auto file = open_span(picture, fault);
  if (file == nullptr) return absent(fault);
  const int64_t size = file->size(), there = std::max<int64_t>(size - picture.offset, 0);
  if (!picture.whole() && there == 0 && picture.length > 0)
    return absent(fmt::format("the file has {} bytes and ends before the picture begins", size));
  const auto stopped = [&] { return absent(fmt::format("reading stopped: {}", system_words(errno))); };
  const int64_t length = picture.whole() ? there : std::min(picture.length, there);
  // The signature first: a film under a picture's name is not read into memory.
  std::array<uint8_t, kSignatureBytes> signature{};
  const int64_t head = file->read(picture.offset, std::min<int64_t>(length, kSignatureBytes), signature.data());
  if (head < 0) return stopped();
  if (head > 0 && find_format({signature.data(), static_cast<size_t>(head)}) == nullptr) {
    const DecodedImage unknown = unknown_format({signature.data(), static_cast<size_t>(head)});
    return {{}, unknown.status, unknown.reason};
  }
  if (length > kMaxPictureBytes) {
    return {{},
            ImageStatus::kTooLarge,
            fmt::format("the picture's file has {} bytes, more than the {} MiB that are read; save it smaller", length,
                        kMaxPictureBytes >> 20)};
  }
  std::vector<uint8_t> bytes(static_cast<size_t>(length));
  const int64_t got = file->read(picture.offset, length, bytes.data());
  if (got < 0) return stopped();
  bytes.resize(static_cast<size_t>(got));  // became shorter while it was read
  return {std::move(bytes), ImageStatus::kOk, ""};
}

DecodedImage decode_image_file(const FileSpan& picture, const DecodeOptions& options) {
  const ImageFile file = read_image_file(picture);
  return file.status == ImageStatus::kOk ? decode_image(file.bytes, options) : failed(file.status, file.reason);
}

}  // namespace infig
