#include <fmt/format.h>
#include <jxl/decode.h>

#include <memory>

#include "image/decoders.h"

namespace infig {
namespace {

struct JxlFree {
  void operator()(JxlDecoder* decoder) const { JxlDecoderDestroy(decoder); }
};

DecodedImage broken_jxl(const char* why) {
  return failed(ImageStatus::kBroken, fmt::format("broken JXL: no row could be decoded: {}", why));
}

// The first frame of one file.
class JxlReader {
 public:
  JxlReader(std::span<const uint8_t> bytes, const DecodeOptions& options)
      : bytes_(bytes), options_(options), decoder_(JxlDecoderCreate(nullptr)) {}

  DecodedImage read() {
    if (!decoder_ || JxlDecoderSubscribeEvents(decoder_.get(), JXL_DEC_BASIC_INFO | JXL_DEC_FULL_IMAGE) != JXL_DEC_SUCCESS ||
        JxlDecoderSetKeepOrientation(decoder_.get(), options_.apply_exif ? JXL_FALSE : JXL_TRUE) != JXL_DEC_SUCCESS ||
        JxlDecoderSetUnpremultiplyAlpha(decoder_.get(), JXL_TRUE) != JXL_DEC_SUCCESS ||
        JxlDecoderSetInput(decoder_.get(), bytes_.data(), bytes_.size()) != JXL_DEC_SUCCESS) {
      return broken_jxl("the decoder cannot be set up");
    }
    while (true) {
      const JxlDecoderStatus status = JxlDecoderProcessInput(decoder_.get());
      if (status == JXL_DEC_BASIC_INFO) {
        if (JxlDecoderGetBasicInfo(decoder_.get(), &info_) != JXL_DEC_SUCCESS) return broken_jxl("damaged header");
        if (exceeds(info_.xsize, info_.ysize, options_.max_pixels)) return too_large("JXL", info_.xsize, info_.ysize, options_.max_pixels);
      } else if (status == JXL_DEC_NEED_IMAGE_OUT_BUFFER) {
        if (!give_buffer()) return broken_jxl("its pixels do not fit the size in its header");
      } else if (status == JXL_DEC_FULL_IMAGE) {
        return whole();
      } else if (status == JXL_DEC_NEED_MORE_INPUT) {
        return part("the file ends early");
      } else if (status == JXL_DEC_SUCCESS) {
        return broken_jxl("it holds no frame");
      } else {
        return part("damaged bits");
      }
    }
  }

 private:
  bool give_buffer() {
    const JxlPixelFormat format = {
        .num_channels = alpha() ? 4U : 3U, .data_type = JXL_TYPE_UINT8, .endianness = JXL_NATIVE_ENDIAN, .align = 0};
    const size_t expected = size_t{info_.xsize} * info_.ysize * format.num_channels;
    size_t size = 0;
    if (JxlDecoderImageOutBufferSize(decoder_.get(), &format, &size) != JXL_DEC_SUCCESS || size != expected) return false;
    pixels_.assign(size, kMissingRow);
    return JxlDecoderSetImageOutBuffer(decoder_.get(), &format, pixels_.data(), pixels_.size()) == JXL_DEC_SUCCESS;
  }
  bool alpha() const { return info_.alpha_bits > 0; }

  DecodedImage whole() {
    Image image{.width = info_.xsize, .height = info_.ysize, .pixels = {}};
    if (!alpha()) {
      image.pixels = std::move(pixels_);
    } else {
      image.pixels.resize(static_cast<size_t>(image.width * image.height * 3));
      blend_over_white(pixels_.data(), image.width * image.height, image.pixels.data());
    }
    return {.image = std::move(image), .status = ImageStatus::kOk, .reason = {}};
  }

  // What there is of the frame: coarse where it is progressive, grey where nothing of it came.
  DecodedImage part(const char* why) {
    if (pixels_.empty() || JxlDecoderFlushImage(decoder_.get()) != JXL_DEC_SUCCESS) return broken_jxl(why);
    DecodedImage decoded = whole();
    decoded.status = ImageStatus::kTruncated;
    decoded.reason = fmt::format("truncated JXL: coarse, or grey where nothing is left of it: {}", why);
    return decoded;
  }

  std::span<const uint8_t> bytes_;
  const DecodeOptions& options_;
  std::unique_ptr<JxlDecoder, JxlFree> decoder_;
  JxlBasicInfo info_;  // filled from the header before anything reads it
  std::vector<uint8_t> pixels_;
};

}  // namespace

DecodedFile decode_jxl(std::span<const uint8_t> bytes, const DecodeOptions& options) {
  return {.decoded = JxlReader(bytes, options).read(), .exif = {}};
}

}  // namespace infig
