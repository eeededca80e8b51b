// JPEGs decoded by eighths. Expected pixels are those of Pillow's draft().
#include <gtest/gtest.h>

#include "golden_pack.h"
#include "image/decode.h"
#include "image/transform.h"

namespace infig {
namespace {

using testing::as_bytes;
using testing::golden_folder;
using testing::read_pack;
using testing::same_picture;

DecodedImage decode(const std::string& name, int64_t shorter_side) {
  return decode_image_file(golden_folder() / name, {.shorter_side = shorter_side});
}

TEST(ScaledDecode, EqualsPillowsDraft) {
  const auto pack = read_pack("scaled");
  ASSERT_EQ(pack.size(), 8u);
  for (const char* name : {"scaled.jpg", "scaled_420.jpg"}) {
    // 61 x 42: 4/8 of the shorter side are 21 pixels, 2/8 are 10.5, 1/8 5.25.
    for (const auto& [wanted, eighths] :
         {std::pair{21, "4"}, std::pair{19, "4"}, std::pair{10, "2"}, std::pair{5, "1"}, std::pair{1, "1"}}) {
      const DecodedImage decoded = decode(name, wanted);
      EXPECT_EQ(decoded.status, ImageStatus::kOk) << decoded.reason;
      EXPECT_TRUE(same_picture(decoded.image, pack.at(std::string(name) + "/" + eighths))) << name << " for " << wanted;
    }
    for (const int64_t wanted : {0, 42, 43, 1000}) {
      EXPECT_TRUE(same_picture(decode(name, wanted).image, pack.at(std::string(name) + "/8"))) << name << " for " << wanted;
    }
  }
}

// As few eighths as leave the shorter side what was asked for: ceil(42 n / 8) and ceil(61 n / 8).
TEST(ScaledDecode, TheShorterSideKeepsWhatIsAskedFor) {
  for (const auto& [wanted, width, height] : {std::tuple{41, 61, 42}, std::tuple{36, 54, 37}, std::tuple{31, 46, 32},
                                              std::tuple{26, 39, 27}, std::tuple{22, 39, 27}, std::tuple{15, 23, 16}}) {
    const DecodedImage decoded = decode("scaled.jpg", wanted);
    EXPECT_EQ(decoded.image.width, width) << wanted;
    EXPECT_EQ(decoded.image.height, height) << wanted;
    EXPECT_EQ(decoded.width, 61) << wanted;  // the file's own
    EXPECT_EQ(decoded.height, 42) << wanted;
  }
}

TEST(ScaledDecode, OrientationStillCounts) {
  const Image whole = decode("files/orientation_6.jpg", 0).image, half = decode("files/orientation_6.jpg", 4).image;
  EXPECT_EQ(whole.width, 9);
  EXPECT_EQ(whole.height, 13);
  EXPECT_EQ(half.width, 5);
  EXPECT_EQ(half.height, 7);
  const DecodedImage decoded = decode("files/orientation_6.jpg", 4);
  EXPECT_EQ(decoded.width, 9);
  EXPECT_EQ(decoded.height, 13);
}

TEST(ScaledDecode, OtherFormatsAreDecodedWhole) {
  const auto pack = read_pack("decode");
  for (const char* name : {"rgb.png", "lossless.webp", "local.gif", "rgb.bmp"}) {
    if (testing::left_out(golden_folder() / "files" / name)) continue;
    const DecodedImage decoded = decode(std::string("files/") + name, 1);
    EXPECT_TRUE(same_picture(decoded.image, pack.at(name))) << name;
    EXPECT_EQ(decoded.width, decoded.image.width) << name;
    EXPECT_EQ(decoded.height, decoded.image.height) << name;
  }
}

TEST(ScaledDecode, WhatIsMissingIsGreyBelow) {
  const std::string bytes = read_file(golden_folder() / "scaled.jpg");
  const Image full = read_pack("scaled").at("scaled.jpg/4");
  const DecodedImage decoded = decode_image(as_bytes(bytes.substr(0, bytes.size() / 2)), {.shorter_side = 21});
  ASSERT_EQ(decoded.status, ImageStatus::kTruncated) << decoded.reason;
  ASSERT_EQ(decoded.image.height, full.height);
  EXPECT_TRUE(std::equal(full.at(0, 0), full.at(0, 8), decoded.image.at(0, 0)));  // two rows of blocks, 4 pixels each
  const uint8_t* last = decoded.image.at(0, full.height - 1);
  EXPECT_TRUE(std::all_of(last, last + full.width * 3, [](uint8_t value) { return value == 128; }));
  EXPECT_NE(decoded.reason.find("16 of 42 rows"), std::string::npos) << decoded.reason;  // of the file's
}

TEST(ScaledDecode, SizeLimitIsTheFilesOwn) {
  const std::string bytes = read_file(golden_folder() / "scaled.jpg");
  EXPECT_EQ(decode_image(as_bytes(bytes), {.max_pixels = 61 * 42 - 1, .shorter_side = 10}).status, ImageStatus::kTooLarge);
}

TEST(ScaledDecode, OnlyWhereNothingCountsPixelsOfTheFile) {
  const ImageOptions exact, fast{.resize = 300, .dct_scale = DctScale::kFast},
      flip{.augment = Augment::kFlip, .dct_scale = DctScale::kFast};
  EXPECT_EQ(exact.decode().shorter_side, 0);
  EXPECT_EQ(fast.decode().shorter_side, 600);    // two pixels for one
  EXPECT_EQ(fast.decode(true).shorter_side, 0);  // RandAugment
  EXPECT_EQ(flip.decode(true).shorter_side, 512);
}

}  // namespace
}  // namespace infig
