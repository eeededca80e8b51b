// AVIF, HEIC, TIFF and JPEG XL: pictures of tools/golden/make_modern_image.py against what Pillow and its plugins make of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "golden_pack.h"
#include "image/decode.h"
#include "reference/temporary_folder.h"

namespace infig {
namespace {

namespace fs = std::filesystem;
using testing::as_bytes;
using testing::golden_folder;
using ::testing::HasSubstr;
using testing::left_out;
using testing::read_pack;
using testing::same_picture;

std::string modern(const std::string& name) { return read_file(golden_folder() / "modern" / name); }

// Within 1/255 of Pillow's; HEIC and JPEG XL, which Pillow reads by plugins with libraries of their own versions, too.
TEST(ModernFormats, PixelsAreThoseOfPillow) {
  const auto pack = read_pack("modern");
  ASSERT_GE(pack.size(), 48U);
  size_t compared = 0;
  for (const auto& [name, expected] : pack) {
    if (left_out(golden_folder() / "modern" / name)) continue;
    const DecodedImage decoded = decode_image_file(golden_folder() / "modern" / name, {});
    EXPECT_EQ(decoded.status, ImageStatus::kOk) << name << ": " << decoded.reason;
    EXPECT_TRUE(same_picture(decoded.image, expected, name.ends_with(".jpg") ? 0 : 1)) << name;
    EXPECT_EQ(decoded.width, expected.width) << name;
    ++compared;
  }
  EXPECT_GT(compared, 0U);
}

TEST(ModernFormats, TheirNames) {
  for (const auto& [name, format] : {std::pair("full.avif", "AVIF"), std::pair("full.heic", "HEIC"), std::pair("grey.tiff", "TIFF"),
                                     std::pair("big.tiff", "TIFF"), std::pair("lossy.jxl", "JXL")}) {
    EXPECT_STREQ(image_format(as_bytes(modern(name))), format) << name;
  }
  // Brands: a film is none, an AVIF may call itself mif1 first.
  const auto boxed = [](const std::string& brands) {
    return std::string("\0\0\0", 3) + static_cast<char>(8 + brands.size()) + "ftyp" + brands;
  };
  EXPECT_EQ(image_format(as_bytes(boxed("isom" + std::string(4, '\0') + "isomavc1"))), nullptr);
  EXPECT_STREQ(image_format(as_bytes(boxed("mif1" + std::string(4, '\0') + "mif1avif"))), "AVIF");
  EXPECT_STREQ(image_format(as_bytes(boxed("mif1" + std::string(4, '\0') + "mif1heic"))), "HEIC");
  EXPECT_EQ(image_format(as_bytes(boxed("isom" + std::string("avif") + "isom"))), nullptr);  // a version of these letters
}

// The files are stored lying on their side: what says so is ignored with image.exif=ignore (of HEIC it cannot be).
TEST(ModernFormats, OrientationIsLeftWhereAskedFor) {
  for (const char* name : {"turned_6.avif", "turned_6.tiff"}) {
    if (left_out(golden_folder() / "modern" / name)) continue;
    const DecodedImage upright = decode_image(as_bytes(modern(name)), {}),
                       stored = decode_image(as_bytes(modern(name)), {.apply_exif = false});
    ASSERT_EQ(stored.status, ImageStatus::kOk) << name << ": " << stored.reason;
    EXPECT_EQ(stored.image.width, upright.image.height) << name;
    EXPECT_EQ(stored.image.height, upright.image.width) << name;
    // Orientation 6: the picture is turned by a quarter with the clock, so its first pixel comes to the right end of the first row.
    for (int c = 0; c < 3; ++c) EXPECT_EQ(stored.image.at(0, 0)[c], upright.image.at(upright.image.width - 1, 0)[c]) << name;
  }
}

TEST(ModernFormats, TooManyPixelsAreRefusedBeforeTheyAreDecoded) {
  for (const char* name : {"full.avif", "full.heic", "grey.tiff", "lossy.jxl"}) {
    if (left_out(golden_folder() / "modern" / name)) continue;
    const DecodedImage decoded = decode_image(as_bytes(modern(name)), {.max_pixels = 33 * 21 - 1});
    EXPECT_EQ(decoded.status, ImageStatus::kTooLarge) << name;
    EXPECT_THAT(decoded.reason, HasSubstr("33 x 21")) << name;
    EXPECT_TRUE(decoded.image.pixels.empty()) << name;
  }
}

// Cut at every length: an outcome each time, pixels where it says so, the whole picture only from the whole file.
TEST(ModernFormats, CutFiles) {
  for (const char* name : {"full.avif", "full.heic", "strips.tiff", "rgb_raw.tiff", "lossy.jxl", "lossless.jxl"}) {
    const std::string bytes = modern(name);
    if (left_out(as_bytes(bytes))) continue;
    for (size_t keep = 64; keep < bytes.size(); keep += 13) {
      const DecodedImage decoded = decode_image(as_bytes(bytes.substr(0, keep)), {});
      EXPECT_EQ(usable(decoded.status), !decoded.image.pixels.empty()) << name << " " << keep;
      EXPECT_EQ(decoded.reason.empty(), decoded.status == ImageStatus::kOk) << name << " " << keep;
    }
    EXPECT_FALSE(usable(decode_image(as_bytes(bytes.substr(0, 70)), {}).status) && std::string(name).ends_with("c")) << name;
  }
}

// What the file states and its stream must agree: where the one is larger, rows would come from memory that nobody wrote.
TEST(ModernFormats, AHeicWhoseStreamHasAnotherSizeHasNoPixels) {
  std::string bytes = modern("full.heic");
  if (left_out(as_bytes(bytes))) GTEST_SKIP() << "this build has no support for HEIC";
  bytes.replace(bytes.find("clap"), 4, "free");  // without its crop it is the square that was encoded
  const DecodedImage whole = decode_image(as_bytes(bytes), {});
  ASSERT_EQ(whole.status, ImageStatus::kOk) << whole.reason;
  EXPECT_EQ(whole.image.width, 64);
  EXPECT_EQ(whole.image.height, 64);
  bytes[bytes.find("ispe") + 15] = 96;  // the last byte of the height
  const DecodedImage other = decode_image(as_bytes(bytes), {});
  EXPECT_EQ(other.status, ImageStatus::kBroken);
  EXPECT_THAT(other.reason, HasSubstr("states 64 x 96 pixels, its stream holds 64 x 64"));
}

// The directory of a TIFF is at its end; of one whose strips come after it the first rows remain.
TEST(ModernFormats, RowsOfABrokenTiffRemain) {
  std::string bytes = modern("strips.tiff");
  if (left_out(as_bytes(bytes))) GTEST_SKIP() << "this build has no support for TIFF";
  const DecodedImage whole = decode_image(as_bytes(bytes), {});
  // LZW's codes of the third strip on become ones, of which none is a code that begins.
  const size_t middle = bytes.size() / 2;
  std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(middle), bytes.begin() + static_cast<std::ptrdiff_t>(middle + 300), '\xff');
  const DecodedImage damaged = decode_image(as_bytes(bytes), {});
  ASSERT_EQ(damaged.status, ImageStatus::kTruncated) << damaged.reason;
  EXPECT_THAT(damaged.reason, HasSubstr("truncated TIFF"));
  EXPECT_TRUE(std::equal(whole.image.pixels.begin(), whole.image.pixels.begin() + 33 * 3, damaged.image.pixels.begin()));
  for (int c = 0; c < 3; ++c) EXPECT_EQ(damaged.image.at(32, 20)[c], 128);
}

}  // namespace
}  // namespace infig
