#include <fmt/format.h>
#include <libheif/heif.h>

#include <cstring>
#include <memory>

#include "image/decoders.h"

namespace infig {
namespace {

struct ContextFree {
  void operator()(heif_context* context) const { heif_context_free(context); }
};
struct HandleFree {
  void operator()(heif_image_handle* handle) const { heif_image_handle_release(handle); }
};
struct HeifImageFree {
  void operator()(heif_image* image) const { heif_image_release(image); }
};
struct OptionsFree {
  void operator()(heif_decoding_options* options) const { heif_decoding_options_free(options); }
};

DecodedFile broken_heic(const heif_error& error) {
  return {.decoded = failed(ImageStatus::kBroken,
                            fmt::format("broken HEIC: no row could be decoded: {}", error.message != nullptr ? error.message : "damaged")),
          .exif = {}};
}

DecodedImage heic_pixels(const heif_image& source, bool alpha, int64_t max_pixels) {
  const int64_t width = heif_image_get_width(&source, heif_channel_interleaved),
                height = heif_image_get_height(&source, heif_channel_interleaved);
  int stride = 0;
  const uint8_t* plane = heif_image_get_plane_readonly(&source, heif_channel_interleaved, &stride);
  if (plane == nullptr || width < 1 || height < 1 || stride < width * (alpha ? 4 : 3))
    return failed(ImageStatus::kBroken, "broken HEIC: no row could be decoded: no pixels");
  if (exceeds(width, height, max_pixels)) return too_large("HEIC", width, height, max_pixels);
  Image image{.width = width, .height = height, .pixels = std::vector<uint8_t>(static_cast<size_t>(width * height * 3))};
  for (int64_t y = 0; y < height; ++y) {
    const uint8_t* row = plane + y * stride;
    if (alpha) {
      blend_over_white(row, width, image.at(0, y));
    } else {
      std::memcpy(image.at(0, y), row, static_cast<size_t>(width * 3));
    }
  }
  return {.image = std::move(image), .status = ImageStatus::kOk, .reason = {}};
}

}  // namespace

DecodedFile decode_heic(std::span<const uint8_t> bytes, const DecodeOptions& options) {
  const std::unique_ptr<heif_context, ContextFree> context(heif_context_alloc());
  if (!context) return broken_heic({heif_error_Memory_allocation_error, heif_suberror_Unspecified, "out of memory"});
  heif_context_set_max_decoding_threads(context.get(), 0);  // in this thread
  // Sides within these pixels are told as too large below, by their numbers; what hides behind them must keep to them.
  constexpr int kLargestSide = 1 << 16;
  heif_context_set_maximum_image_size_limit(context.get(), kLargestSide);
  heif_error error = heif_context_read_from_memory_without_copy(context.get(), bytes.data(), bytes.size(), nullptr);
  if (error.code != heif_error_Ok) return broken_heic(error);
  heif_image_handle* first = nullptr;
  error = heif_context_get_primary_image_handle(context.get(), &first);
  if (error.code != heif_error_Ok) return broken_heic(error);
  const std::unique_ptr<heif_image_handle, HandleFree> handle(first);
  const int64_t width = heif_image_handle_get_width(first), height = heif_image_handle_get_height(first);
  if (exceeds(width, height, options.max_pixels)) return {.decoded = too_large("HEIC", width, height, options.max_pixels), .exif = {}};
  const bool alpha = heif_image_handle_has_alpha_channel(first) != 0;
  // Crop, rotation and mirroring are a part of the picture here: they can be had together or not at all. EXIF's orientation, which says the
  // same once more, is not looked at.
  const std::unique_ptr<heif_decoding_options, OptionsFree> decoding(heif_decoding_options_alloc());
  if (!decoding) return broken_heic({heif_error_Memory_allocation_error, heif_suberror_Unspecified, "out of memory"});
  // Of some damaged streams libde265 returns, without a word, a picture with blocks that were never written: an error instead.
  decoding->strict_decoding = 1;
  heif_image* pixels = nullptr;
  error = heif_decode_image(first, &pixels, heif_colorspace_RGB, alpha ? heif_chroma_interleaved_RGBA : heif_chroma_interleaved_RGB,
                            decoding.get());
  if (error.code != heif_error_Ok) return broken_heic(error);
  const std::unique_ptr<heif_image, HeifImageFree> image(pixels);
  // A stream whose picture is larger than the file says was not whole: its blocks beyond hold what was in memory before.
  const int64_t decoded_width = heif_image_get_primary_width(pixels), decoded_height = heif_image_get_primary_height(pixels);
  if (decoded_width != width || decoded_height != height) {
    return {.decoded = failed(ImageStatus::kBroken, fmt::format("broken HEIC: no row could be decoded: the file states {} x {} pixels, its "
                                                                "stream holds {} x {}",
                                                                width, height, decoded_width, decoded_height)),
            .exif = {}};
  }
  return {.decoded = heic_pixels(*image, alpha, options.max_pixels), .exif = {}};
}

}  // namespace infig
