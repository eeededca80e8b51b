#include <avif/avif.h>
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <memory>

#include "image/decoders.h"

namespace infig {
namespace {

struct AvifFree {
  void operator()(avifDecoder* decoder) const { avifDecoderDestroy(decoder); }
};

// irot turns against the clock by its angle times 90 degrees, imir then exchanges top and bottom (0) or left and right (1): together one of
// EXIF's orientations, which AVIF itself does not use.
int avif_orientation(const avifImage& image) {
  const bool turned = (image.transformFlags & AVIF_TRANSFORM_IROT) != 0, mirrored = (image.transformFlags & AVIF_TRANSFORM_IMIR) != 0;
#if AVIF_VERSION >= 1000000
  const int axis = image.imir.axis;
#else
  const int axis = image.imir.mode;
#endif
  constexpr int kPlain[4] = {1, 8, 3, 6};
  constexpr int kMirrored[4][2] = {{4, 2}, {5, 7}, {2, 4}, {7, 5}};
  const int angle = turned ? image.irot.angle % 4 : 0;
  return mirrored ? kMirrored[angle][axis == 0 ? 0 : 1] : kPlain[angle];
}

DecodedImage avif_pixels(const avifImage& source) {
  const int64_t width = source.width, height = source.height;
  Image image{.width = width, .height = height, .pixels = std::vector<uint8_t>(static_cast<size_t>(width * height * 3))};
  const bool alpha = source.alphaPlane != nullptr;
  std::vector<uint8_t> rgba(alpha ? static_cast<size_t>(width * height * 4) : 0);
  avifRGBImage target;
  avifRGBImageSetDefaults(&target, &source);
  target.depth = 8;
  target.format = alpha ? AVIF_RGB_FORMAT_RGBA : AVIF_RGB_FORMAT_RGB;
  target.pixels = alpha ? rgba.data() : image.pixels.data();
  target.rowBytes = static_cast<uint32_t>(width * (alpha ? 4 : 3));
  const avifResult result = avifImageYUVToRGB(&source, &target);
  if (result != AVIF_RESULT_OK)
    return failed(ImageStatus::kBroken, fmt::format("broken AVIF: its colours cannot be computed: {}", avifResultToString(result)));
  if (alpha) blend_over_white(rgba.data(), width * height, image.pixels.data());
  return {.image = std::move(image), .status = ImageStatus::kOk, .reason = {}};
}

}  // namespace

DecodedFile decode_avif(std::span<const uint8_t> bytes, const DecodeOptions& options) {
  const auto broken = [](avifResult result) {
    return DecodedFile{
        .decoded = failed(ImageStatus::kBroken, fmt::format("broken AVIF: no row could be decoded: {}", avifResultToString(result))),
        .exif = {}};
  };
  const std::unique_ptr<avifDecoder, AvifFree> decoder(avifDecoderCreate());
  if (!decoder) return broken(AVIF_RESULT_OUT_OF_MEMORY);
  decoder->maxThreads = 1;
  decoder->ignoreExif = AVIF_TRUE;
  decoder->ignoreXMP = AVIF_TRUE;
  // The library's own limits are the widest that it allows, so that what is too large is told as such below.
  decoder->strictFlags &= ~static_cast<avifStrictFlags>(AVIF_STRICT_CLAP_VALID | AVIF_STRICT_PIXI_REQUIRED);  // as Pillow
  avifResult result = avifDecoderSetIOMemory(decoder.get(), bytes.data(), bytes.size());
  if (result == AVIF_RESULT_OK) result = avifDecoderParse(decoder.get());
  if (result != AVIF_RESULT_OK) return broken(result);
  const avifImage& image = *decoder->image;
  if (exceeds(image.width, image.height, options.max_pixels))
    return {.decoded = too_large("AVIF", image.width, image.height, options.max_pixels), .exif = {}};
  decoder->imageSizeLimit =
      static_cast<uint32_t>(std::min<int64_t>(options.max_pixels, AVIF_DEFAULT_IMAGE_SIZE_LIMIT));  // of what the bits themselves claim
  result = avifDecoderNextImage(decoder.get());
  if (result != AVIF_RESULT_OK) return broken(result);
  return {.decoded = avif_pixels(*decoder->image), .exif = {}, .orientation = avif_orientation(*decoder->image)};
}

}  // namespace infig
