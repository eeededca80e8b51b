#include <libexif/exif-data.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "image/decoders.h"

namespace infig {
namespace {

constexpr uint8_t kExifHeader[] = {'E', 'x', 'i', 'f', 0, 0};

struct ExifFree {
  void operator()(ExifData* data) const { exif_data_unref(data); }
};

// Tiles keep both the rows read and the columns written in the cache.
constexpr int64_t kTile = 32;

// out(x, y) = image(y, x), with the source's axes reversed where asked.
Image transposed(const Image& image, bool reverse_x, bool reverse_y) {
  Image out{.width = image.height, .height = image.width, .pixels = std::vector<uint8_t>(image.pixels.size())};
  for (int64_t tile_y = 0; tile_y < out.height; tile_y += kTile) {
    for (int64_t tile_x = 0; tile_x < out.width; tile_x += kTile) {
      for (int64_t y = tile_y; y < std::min(tile_y + kTile, out.height); ++y) {
        const int64_t source_x = reverse_x ? image.width - 1 - y : y;
        for (int64_t x = tile_x; x < std::min(tile_x + kTile, out.width); ++x) {
          const int64_t source_y = reverse_y ? image.height - 1 - x : x;
          std::memcpy(out.at(x, y), image.at(source_x, source_y), 3);
        }
      }
    }
  }
  return out;
}

void swap_pixels(uint8_t* a, uint8_t* b) { std::swap_ranges(a, a + 3, b); }

void mirror_rows(Image& image) {
  for (int64_t y = 0; y < image.height; ++y) {
    for (int64_t x = 0; x < image.width / 2; ++x) swap_pixels(image.at(x, y), image.at(image.width - 1 - x, y));
  }
}

void mirror_columns(Image& image) {
  for (int64_t y = 0; y < image.height / 2; ++y) {
    std::swap_ranges(image.at(0, y), image.at(0, y) + image.width * 3, image.at(0, image.height - 1 - y));
  }
}

}  // namespace

int exif_orientation(std::span<const uint8_t> exif) {
  std::vector<uint8_t> block;
  if (exif.size() < sizeof kExifHeader || std::memcmp(exif.data(), kExifHeader, sizeof kExifHeader) != 0) {
    block.assign(std::begin(kExifHeader), std::end(kExifHeader));
  }
  block.insert(block.end(), exif.begin(), exif.end());
  const std::unique_ptr<ExifData, ExifFree> data(exif_data_new());
  if (!data) return 1;
  exif_data_unset_option(data.get(), EXIF_DATA_OPTION_FOLLOW_SPECIFICATION);  // add no tags of its own
  exif_data_load_data(data.get(), block.data(), static_cast<unsigned int>(block.size()));
  const ExifEntry* entry = exif_content_get_entry(data->ifd[EXIF_IFD_0], EXIF_TAG_ORIENTATION);
  if (entry == nullptr || entry->format != EXIF_FORMAT_SHORT || entry->components < 1 || entry->size < 2) return 1;
  const int value = exif_get_short(entry->data, exif_data_get_byte_order(data.get()));
  return value >= 1 && value <= 8 ? value : 1;
}

Image apply_orientation(Image image, int orientation) {
  switch (orientation) {
    case 2:
      mirror_rows(image);
      return image;
    case 3:
      mirror_rows(image);
      mirror_columns(image);
      return image;
    case 4:
      mirror_columns(image);
      return image;
    case 5:
      return transposed(image, false, false);
    case 6:
      return transposed(image, false, true);
    case 7:
      return transposed(image, true, true);
    case 8:
      return transposed(image, true, false);
    default:
      return image;
  }
}

}  // namespace infig
