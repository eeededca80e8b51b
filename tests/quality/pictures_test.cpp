// Prints of drawn pictures: what stays the same, what does not; the search against all pairs; files of every outcome.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "core/error.h"
#include "core/random.h"
#include "data/scratch.h"
#include "image/decode.h"
#include "image/encode.h"
#include "image/resize.h"
#include "quality/near.h"
#include "quality/picture_scan.h"

namespace infig {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A smooth picture of its own for each seed: a few waves and blobs.
Image drawn(uint64_t seed, int64_t width, int64_t height) {
  RandomStream random(seed, "drawn");
  double wave[6][4], blob[8][4];
  for (auto& w : wave) {
    for (double& value : w) value = random.uniform(-1, 1);
  }
  for (auto& b : blob) {
    for (double& value : b) value = random.uniform();
  }
  Image image = make_image(width, height, 0, 0, 0);
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x) {
      const double u = static_cast<double>(x) / static_cast<double>(width), v = static_cast<double>(y) / static_cast<double>(height);
      double value = 128;
      for (const auto& w : wave) value += 22 * std::sin(2 * std::numbers::pi * (3 * w[0] * u + 3 * w[1] * v + w[2]));
      for (const auto& b : blob) value += (b[3] > 0.5 ? 60 : -60) * std::exp(-60 * ((u - b[0]) * (u - b[0]) + (v - b[1]) * (v - b[1])));
      const auto byte = static_cast<uint8_t>(std::clamp(value, 0.0, 255.0));
      for (int c = 0; c < 3; ++c) image.at(x, y)[c] = byte;
    }
  }
  return image;
}

Image recompressed(const Image& image, int quality) {
  const std::string bytes = encode_jpeg(image, quality);
  return decode_image({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}, {}).image;
}

TEST(PicturePrint, FrequenciesByHand) {
  // Bright on the left, dark on the right, as half a cosine is: the first wave across (u 0, v 1) is there with a plus, no wave goes down.
  Image ramp = make_image(64, 64, 0, 0, 0);
  for (int64_t y = 0; y < 64; ++y) {
    for (int64_t x = 0; x < 64; ++x) {
      for (int c = 0; c < 3; ++c) ramp.at(x, y)[c] = static_cast<uint8_t>(255 - 4 * x);
    }
  }
  const PicturePrint print = make_print(ramp);
  EXPECT_EQ(print.signs[0] & 1U, 1U);       // (0, 1)
  EXPECT_EQ(print.signs[0] >> 1 & 1U, 0U);  // (1, 0)
  EXPECT_FALSE(print.flat);
  EXPECT_FLOAT_EQ(print.aspect, 1.0F);
  EXPECT_GT(print.grey[0], print.grey[15]);
  EXPECT_TRUE(make_print(make_image(20, 10, 90, 90, 90)).flat);
  EXPECT_THROW(make_print(Image{}), ShapeError);
}

TEST(PicturePrint, OnePictureScaledRecompressedCropped) {
  for (uint64_t seed = 0; seed < 12; ++seed) {
    const Image original = drawn(seed, 400, 300);
    const PicturePrint print = make_print(original);
    const auto same = [&](const Image& image) { return same_picture(print, make_print(image)).has_value(); };
    EXPECT_TRUE(same(original));
    EXPECT_TRUE(same(resize(original, 160, 120, Filter::kBicubic)));
    EXPECT_TRUE(same(resize(original, 520, 390, Filter::kBilinear)));
    EXPECT_TRUE(same(recompressed(original, 30)));
    EXPECT_TRUE(same(center_crop(original, 392, 294)));
    EXPECT_FALSE(same(drawn(seed + 100, 400, 300)));
    EXPECT_FALSE(same(resize(original, 300, 300, Filter::kBilinear)));  // squeezed: another aspect
    EXPECT_FALSE(same(flip_horizontal(original)));
  }
  // The same light and shade in another colour: red and green swapped in one corner, luma kept alike.
  Image green = drawn(1, 64, 64), red = green;
  for (int64_t y = 0; y < 16; ++y) {
    for (int64_t x = 0; x < 16; ++x) {
      green.at(x, y)[0] = 40;
      green.at(x, y)[1] = 100;  // luma 0.299 * 40 + 0.587 * 100 = 71
      red.at(x, y)[0] = 158;
      red.at(x, y)[1] = 40;  // 0.299 * 158 + 0.587 * 40 = 71
      green.at(x, y)[2] = red.at(x, y)[2] = 60;
    }
  }
  EXPECT_LE(sign_distance(make_print(green), make_print(red)), 4);
  EXPECT_TRUE(same_picture(make_print(green), make_print(recompressed(green, 60))).has_value());
  EXPECT_FALSE(same_picture(make_print(green), make_print(red)).has_value());
  const PicturePrint flat = make_print(make_image(40, 30, 9, 9, 9));
  EXPECT_FALSE(same_picture(flat, flat).has_value());
}

TEST(NearPictures, EqualsAllPairs) {
  std::vector<PicturePrint> prints;
  for (uint64_t seed = 0; seed < 120; ++seed) {
    const Image original = drawn(seed, 96, 72);
    prints.push_back(make_print(original));
    if (seed % 3 == 0) prints.push_back(make_print(recompressed(original, 40)));
    if (seed % 4 == 0) prints.push_back(make_print(center_crop(original, 94, 71)));
  }
  prints.push_back(make_print(make_image(8, 8, 0, 0, 0)));
  prints.push_back(prints.back());
  std::vector<Match> expected;
  for (size_t i = 0; i < prints.size(); ++i) {
    for (size_t j = i + 1; j < prints.size(); ++j) {
      if (const auto similarity = same_picture(prints[i], prints[j]))
        expected.push_back({static_cast<int64_t>(i), static_cast<int64_t>(j), *similarity});
    }
  }
  ASSERT_GE(expected.size(), 70U);
  EXPECT_EQ(near_pictures(prints, 1), expected);
  EXPECT_EQ(near_pictures(prints, 3), expected);
  EXPECT_THAT(near_pictures({}, 1), IsEmpty());
}

// Large JPEGs are decoded smaller: sizes are the file's all the same, and prints as of all its pixels.
TEST(PictureScan, LargePicturesGiveTheSamePrints) {
  const test::Scratch scratch;
  std::vector<Post> posts(8);
  std::vector<std::string> files;
  for (size_t i = 0; i < posts.size(); ++i) {
    files.push_back(encode_jpeg(drawn(i, 901 + 37 * static_cast<int64_t>(i), 643), 85));
    posts[i].image = scratch.file(std::to_string(i) + ".jpg", files.back());
  }
  const auto facts = scan_pictures(posts, {});
  for (size_t i = 0; i < posts.size(); ++i) {
    const Image whole = decode_image({reinterpret_cast<const uint8_t*>(files[i].data()), files[i].size()}, {}).image;
    EXPECT_EQ(facts[i].width, 901 + 37 * static_cast<int64_t>(i));
    EXPECT_EQ(facts[i].height, 643);
    const PicturePrint expected = make_print(whole);
    EXPECT_EQ(facts[i].print.aspect, expected.aspect);
    EXPECT_LE(sign_distance(facts[i].print, expected), 4);
    EXPECT_GE(same_picture(facts[i].print, expected).value_or(0), 0.9995);
  }
}

TEST(PictureScan, OutcomesOfFiles) {
  const test::Scratch scratch;
  std::vector<Post> posts(7);
  const std::string jpeg = encode_jpeg(drawn(1, 160, 120), 90);
  posts[0].image = scratch.file("a.jpg", jpeg);
  posts[1].image = scratch.file("b.png", jpeg);  // a JPEG by another name
  posts[2].image = scratch / "absent.jpg";
  posts[3].image = scratch.file("empty.jpg", "");
  posts[4].image = scratch.file("text.jpg", "<html>not found, sorry</html>");
  posts[5].image = scratch.file("half.jpg", jpeg.substr(0, jpeg.size() - 500));
  for (const int64_t threads : {1, 3}) {
    const auto facts = scan_pictures(posts, {.threads = threads});
    ASSERT_EQ(facts.size(), 7U);
    EXPECT_EQ(facts[0].status, "ok");
    EXPECT_EQ(facts[0].format, "JPEG");
    EXPECT_EQ(facts[0].width, 160);
    EXPECT_EQ(facts[0].height, 120);
    EXPECT_EQ(facts[0].bytes, static_cast<int64_t>(jpeg.size()));
    EXPECT_FALSE(facts[0].wrong_extension);
    EXPECT_TRUE(facts[1].wrong_extension);
    EXPECT_EQ(facts[1].sha256, facts[0].sha256);
    EXPECT_EQ(facts[2].status, "absent");
    EXPECT_EQ(facts[3].status, "empty");
    EXPECT_EQ(facts[4].status, "unknown_format");
    EXPECT_THAT(facts[4].reason, HasSubstr("not a picture"));
    EXPECT_EQ(facts[5].status, "truncated");
    EXPECT_TRUE(facts[5].usable);
    EXPECT_EQ(facts[6].status, "none");
    for (const size_t bad : {2, 3, 4, 6}) EXPECT_FALSE(facts[bad].usable);
  }
  EXPECT_EQ(scan_pictures(posts, {.max_pixels = 100})[0].status, "too_large");
}

}  // namespace
}  // namespace infig
