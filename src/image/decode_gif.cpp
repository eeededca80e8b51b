#include <fmt/format.h>
#include <gif_lib.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>

#include "image/decoders.h"

namespace infig {
namespace {

struct Source {
  std::span<const uint8_t> bytes;
  size_t position = 0;
};

int on_read(GifFileType* gif, GifByteType* target, int count) {
  auto& source = *static_cast<Source*>(gif->UserData);
  const size_t got = std::min(static_cast<size_t>(count), source.bytes.size() - source.position);
  std::memcpy(target, source.bytes.data() + source.position, got);
  source.position += got;
  return static_cast<int>(got);
}

struct GifClose {
  void operator()(GifFileType* gif) const { DGifCloseFile(gif, nullptr); }
};

const char* describe(int code) {
  const char* text = GifErrorString(code);
  return text != nullptr ? text : "the file ends early";
}

// Reads up to the first image descriptor. Returns the transparent colour (-1: none), or kNoFrame.
constexpr int kNoFrame = -2;
int find_first_frame(GifFileType* gif) {
  int transparent = NO_TRANSPARENT_COLOR;
  GifRecordType record = UNDEFINED_RECORD_TYPE;
  while (DGifGetRecordType(gif, &record) == GIF_OK && record != TERMINATE_RECORD_TYPE) {
    if (record == IMAGE_DESC_RECORD_TYPE) return DGifGetImageDesc(gif) == GIF_OK ? transparent : kNoFrame;
    if (record != EXTENSION_RECORD_TYPE) continue;
    int code = 0;
    GifByteType* block = nullptr;
    if (DGifGetExtension(gif, &code, &block) != GIF_OK) return kNoFrame;
    while (block != nullptr) {
      GraphicsControlBlock control;
      if (code == GRAPHICS_EXT_FUNC_CODE && DGifExtensionToGCB(block[0], block + 1, &control) == GIF_OK)
        transparent = control.TransparentColor;
      if (DGifGetExtensionNext(gif, &block) != GIF_OK) return kNoFrame;
    }
  }
  return kNoFrame;
}

// [256] RGB, with the transparent colour white. A GIF without any table gets a grey ramp, as Pillow shows it.
std::array<uint8_t, 256 * 3> palette_of(const GifFileType& gif, int transparent) {
  std::array<uint8_t, 256 * 3> palette{};
  const ColorMapObject* map = gif.Image.ColorMap != nullptr ? gif.Image.ColorMap : gif.SColorMap;
  for (size_t i = 0; i < 256; ++i) {
    GifColorType color{0, 0, 0};
    if (map == nullptr) {
      color.Red = color.Green = color.Blue = static_cast<GifByteType>(i);
    } else if (static_cast<int>(i) < map->ColorCount) {
      color = map->Colors[i];
    }
    if (static_cast<int>(i) == transparent) color = {255, 255, 255};
    palette[i * 3] = color.Red;
    palette[i * 3 + 1] = color.Green;
    palette[i * 3 + 2] = color.Blue;
  }
  return palette;
}

// Decodes the frame's lines into the canvas; returns how many lines were decoded.
int64_t read_frame(GifFileType* gif, const std::array<uint8_t, 256 * 3>& palette, Image& canvas) {
  const int64_t width = gif->Image.Width, height = gif->Image.Height;
  std::vector<GifPixelType> line(static_cast<size_t>(width));
  constexpr int64_t kStart[] = {0, 4, 2, 1}, kStep[] = {8, 8, 4, 2};
  int64_t lines = 0;
  for (int pass = 0; pass < (gif->Image.Interlace ? 4 : 1); ++pass) {
    const int64_t step = gif->Image.Interlace ? kStep[pass] : 1;
    for (int64_t y = gif->Image.Interlace ? kStart[pass] : 0; y < height; y += step, ++lines) {
      if (DGifGetLine(gif, line.data(), static_cast<int>(width)) != GIF_OK) return lines;
      uint8_t* out = canvas.at(gif->Image.Left, gif->Image.Top + y);
      for (int64_t x = 0; x < width; ++x) std::memcpy(out + x * 3, palette.data() + line[static_cast<size_t>(x)] * 3, 3);
    }
  }
  return lines;
}

}  // namespace

DecodedFile decode_gif(std::span<const uint8_t> bytes, const DecodeOptions& options) {
  Source source{.bytes = bytes};
  int error = D_GIF_SUCCEEDED;
  const std::unique_ptr<GifFileType, GifClose> gif(DGifOpen(&source, on_read, &error));
  const auto broken = [](int code) {
    return DecodedFile{.decoded = failed(ImageStatus::kBroken, fmt::format("broken GIF: no row could be decoded: {}", describe(code))),
                       .exif = {}};
  };
  if (!gif) return broken(error);
  const int transparent = find_first_frame(gif.get());
  if (transparent == kNoFrame) return broken(gif->Error);
  const GifImageDesc& frame = gif->Image;
  // A frame may be larger than the logical screen; the picture then grows, as Pillow's does.
  const int64_t width = std::max<int64_t>(gif->SWidth, int64_t{frame.Left} + frame.Width);
  const int64_t height = std::max<int64_t>(gif->SHeight, int64_t{frame.Top} + frame.Height);
  if (frame.Width < 1 || frame.Height < 1) return broken(D_GIF_ERR_NO_IMAG_DSCR);
  if (exceeds(width, height, options.max_pixels)) return {.decoded = too_large("GIF", width, height, options.max_pixels), .exif = {}};

  Image image = make_image(width, height, 255, 255, 255);
  for (int64_t y = 0; y < frame.Height; ++y) {
    uint8_t* row = image.at(frame.Left, frame.Top + y);
    std::fill(row, row + int64_t{frame.Width} * 3, kMissingRow);
  }
  const int64_t lines = read_frame(gif.get(), palette_of(*gif, transparent), image);
  if (lines == frame.Height) return {.decoded = {.image = std::move(image), .status = ImageStatus::kOk, .reason = {}}, .exif = {}};
  if (lines == 0) return broken(gif->Error);
  auto reason = fmt::format("truncated GIF: {} of {} rows decoded, the rest is grey: {}", lines, frame.Height, describe(gif->Error));
  return {.decoded = {.image = std::move(image), .status = ImageStatus::kTruncated, .reason = std::move(reason)}, .exif = {}};
}

}  // namespace infig
