#include <fmt/format.h>
#include <webp/decode.h>
#include <webp/demux.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "image/decoders.h"

namespace infig {
namespace {

struct DemuxFree {
  void operator()(WebPDemuxer* demuxer) const { WebPDemuxDelete(demuxer); }
};
struct DecoderFree {
  void operator()(WebPIDecoder* decoder) const { WebPIDelete(decoder); }
};

const char* describe(VP8StatusCode status) {
  switch (status) {
    case VP8_STATUS_OUT_OF_MEMORY:
      return "out of memory";
    case VP8_STATUS_UNSUPPORTED_FEATURE:
      return "unsupported feature";
    case VP8_STATUS_SUSPENDED:
    case VP8_STATUS_NOT_ENOUGH_DATA:
      return "the file ends early";
    default:
      return "damaged bits";
  }
}

// Decodes one still into `out` (3 or 4 bytes a pixel). Returns the number of decoded rows.
int64_t decode_still(std::span<const uint8_t> bytes, int64_t height, int64_t stride, bool alpha, uint8_t* out, VP8StatusCode& status) {
  WebPDecoderConfig config;
  WebPInitDecoderConfig(&config);
  config.output.colorspace = alpha ? MODE_RGBA : MODE_RGB;
  config.output.is_external_memory = 1;
  config.output.u.RGBA.rgba = out;
  config.output.u.RGBA.stride = static_cast<int>(stride);
  config.output.u.RGBA.size = static_cast<size_t>(stride * height);
  status = WebPDecode(bytes.data(), bytes.size(), &config);
  if (status == VP8_STATUS_OK) return height;
  // The simple decoder does not report how many rows it decoded; the incremental one does.
  std::fill(out, out + stride * height, kMissingRow);
  const std::unique_ptr<WebPIDecoder, DecoderFree> decoder(WebPINewDecoder(&config.output));
  if (!decoder) return 0;
  WebPIUpdate(decoder.get(), bytes.data(), bytes.size());
  int last_row = 0;
  if (WebPIDecGetRGB(decoder.get(), &last_row, nullptr, nullptr, nullptr) == nullptr) return 0;
  // Rows beyond the last finished one may hold half of something.
  std::fill(out + last_row * stride, out + stride * height, kMissingRow);
  return last_row;
}

std::vector<uint8_t> find_exif(const WebPDemuxer* demuxer) {
  WebPChunkIterator chunk;
  std::vector<uint8_t> block;
  if (WebPDemuxGetChunk(demuxer, "EXIF", 1, &chunk) != 0) block.assign(chunk.chunk.bytes, chunk.chunk.bytes + chunk.chunk.size);
  WebPDemuxReleaseChunkIterator(&chunk);
  return block;
}

DecodedImage decode_plain(std::span<const uint8_t> bytes, const WebPBitstreamFeatures& features) {
  const int64_t width = features.width, height = features.height;
  Image image{.width = width, .height = height, .pixels = std::vector<uint8_t>(static_cast<size_t>(width * height * 3))};
  VP8StatusCode status = VP8_STATUS_OK;
  int64_t rows = 0;
  if (features.has_alpha == 0) {
    rows = decode_still(bytes, height, width * 3, false, image.pixels.data(), status);
  } else {
    std::vector<uint8_t> rgba(static_cast<size_t>(width * height * 4));
    rows = decode_still(bytes, height, width * 4, true, rgba.data(), status);
    blend_over_white(rgba.data(), width * rows, image.pixels.data());
    std::fill(image.pixels.begin() + rows * width * 3, image.pixels.end(), kMissingRow);
  }
  return rows_outcome(std::move(image), rows, "WebP", describe(status));
}

// The first frame of an animation on its white canvas.
DecodedImage decode_first_frame(const WebPDemuxer* demuxer, const WebPBitstreamFeatures& canvas) {
  WebPIterator frame;
  std::memset(&frame, 0, sizeof frame);
  const bool found = WebPDemuxGetFrame(demuxer, 1, &frame) != 0;
  const std::unique_ptr<WebPIterator, void (*)(WebPIterator*)> guard(&frame, [](WebPIterator* f) { WebPDemuxReleaseIterator(f); });
  const bool inside = found && frame.x_offset + frame.width <= canvas.width && frame.y_offset + frame.height <= canvas.height;
  if (!inside || frame.width < 1 || frame.height < 1) {
    return failed(ImageStatus::kBroken, "broken WebP: the animation has no first frame within its canvas");
  }
  Image image = make_image(canvas.width, canvas.height, 255, 255, 255);
  const int64_t width = frame.width, height = frame.height;
  std::vector<uint8_t> rgba(static_cast<size_t>(width * height * 4));
  VP8StatusCode status = VP8_STATUS_OK;
  const int64_t rows = decode_still({frame.fragment.bytes, frame.fragment.size}, height, width * 4, true, rgba.data(), status);
  for (int64_t y = 0; y < height; ++y) {
    uint8_t* target = image.at(frame.x_offset, frame.y_offset + y);
    if (y < rows) {
      blend_over_white(rgba.data() + y * width * 4, width, target);
    } else {
      std::fill(target, target + width * 3, kMissingRow);
    }
  }
  if (rows == height) return {.image = std::move(image), .status = ImageStatus::kOk, .reason = {}};
  return rows_outcome(std::move(image), rows, "WebP", describe(status));
}

}  // namespace

DecodedFile decode_webp(std::span<const uint8_t> bytes, const DecodeOptions& options) {
  WebPBitstreamFeatures features;
  const VP8StatusCode status = WebPGetFeatures(bytes.data(), bytes.size(), &features);
  if (status != VP8_STATUS_OK) {
    return {.decoded = failed(ImageStatus::kBroken, fmt::format("broken WebP: no row could be decoded: {}", describe(status))), .exif = {}};
  }
  if (exceeds(features.width, features.height, options.max_pixels)) {
    return {.decoded = too_large("WebP", features.width, features.height, options.max_pixels), .exif = {}};
  }
  // Only the extended layout can hold an animation or EXIF.
  const bool extended = bytes.size() >= 16 && std::memcmp(bytes.data() + 12, "VP8X", 4) == 0;
  std::unique_ptr<WebPDemuxer, DemuxFree> demuxer;
  if (extended) {
    const WebPData data{bytes.data(), bytes.size()};
    demuxer.reset(WebPDemuxPartial(&data, nullptr));
  }
  DecodedFile file;
  if (features.has_animation == 0) {
    file.decoded = decode_plain(bytes, features);
  } else if (demuxer) {
    file.decoded = decode_first_frame(demuxer.get(), features);
  } else {
    file.decoded = failed(ImageStatus::kBroken, "broken WebP: the animation has no readable frame");
  }
  if (demuxer && options.apply_exif) file.exif = find_exif(demuxer.get());
  return file;
}

}  // namespace infig
