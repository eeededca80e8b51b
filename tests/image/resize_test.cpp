#include "image/resize.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "core/random.h"
#include "golden_pack.h"

namespace infig {
namespace {

using testing::read_pack;
using testing::same_picture;

Image noise(int64_t width, int64_t height, uint64_t seed) {
  Image image = make_image(width, height, 0, 0, 0);
  RandomStream stream(seed, "test picture");
  for (auto& value : image.pixels) value = static_cast<uint8_t>(stream.below(256));
  return image;
}

TEST(Resize, EqualsPillowWithEveryInstructionSet) {
  const auto pack = read_pack("resize");
  ASSERT_FALSE(available_resample_kernels().empty());
  size_t compared = 0;
  for (const auto& kernels : available_resample_kernels()) {
    for (const auto& [key, expected] : pack) {
      const size_t slash = key.find('/');
      if (slash == std::string::npos) continue;  // a source
      const Image& source = pack.at(key.substr(0, slash));
      const std::string filter = key.substr(slash + 1, key.rfind('/') - slash - 1);
      const Filter kind = filter == "nearest" ? Filter::kNearest : filter == "bilinear" ? Filter::kBilinear : Filter::kBicubic;
      EXPECT_TRUE(same_picture(resize(source, expected.width, expected.height, kind, kernels), expected))
          << key << " with " << kernels.name;
      ++compared;
    }
  }
  EXPECT_GE(compared, 57u);
}

// Weighted averages by definition in floating point: what the fixed-point code may differ from by a rounding in each pass.
TEST(Resize, StaysWithinRoundingOfTheFormula) {
  const Image source = noise(40, 3, 1);
  const Image out = resize(source, 16, 3, Filter::kBilinear);
  ASSERT_EQ(out.width, 16);
  const double scale = 40.0 / 16;
  for (int64_t x = 0; x < 16; ++x) {
    const double center = (static_cast<double>(x) + 0.5) * scale;
    double sum = 0, weights = 0;
    for (int64_t i = 0; i < 40; ++i) {
      const double weight = std::max(0.0, 1 - std::abs(static_cast<double>(i) + 0.5 - center) / scale);
      sum += weight * source.at(i, 1)[2];
      weights += weight;
    }
    EXPECT_NEAR(out.at(x, 1)[2], sum / weights, 0.51) << x;
  }
}

TEST(Resize, ShorterSideRoundsTheLongerDown) {
  const Image wide = resize_shorter(noise(599, 454, 2), 256, Filter::kBilinear);
  EXPECT_EQ(wide.height, 256);
  EXPECT_EQ(wide.width, 337);  // 256 * 599 / 454 = 337.76
  const Image tall = resize_shorter(noise(48, 100, 3), 224, Filter::kNearest);
  EXPECT_EQ(tall.width, 224);
  EXPECT_EQ(tall.height, 466);  // 466.67
}

TEST(Resize, CenterCropRoundsTheOffsetDown) {
  const Image source = noise(8, 5, 4);
  const Image crop = center_crop(source, 3, 2);
  ASSERT_EQ(crop.pixels.size(), 18u);
  for (int64_t y = 0; y < 2; ++y) {
    for (int64_t x = 0; x < 3; ++x) {
      for (int c = 0; c < 3; ++c) EXPECT_EQ(crop.at(x, y)[c], source.at(x + 2, y + 1)[c]);
    }
  }
}

TEST(Resize, FusedCropEqualsTheTwoSteps) {
  const std::pair<int64_t, int64_t> sizes[] = {{599, 454}, {256, 301}, {300, 256}, {100, 100}, {31, 200},
                                               {2000, 37}, {1, 1},     {900, 900}, {256, 256}};
  for (const auto& [width, height] : sizes) {
    const Image source = noise(width, height, 5);
    for (const Filter filter : {Filter::kNearest, Filter::kBilinear, Filter::kBicubic}) {
      const Image expected = center_crop(resize_shorter(source, 256, filter), 223, 223);
      EXPECT_TRUE(same_picture(resize_center_crop(source, 256, 223, filter), expected)) << width << " x " << height;
    }
  }
}

// A strip whose resized form would take gigabytes is cropped without ever making it.
TEST(Resize, FusedCropOfAnExtremeStripNeedsLittleMemory) {
  const Image out = resize_center_crop(noise(1, 65'000, 6), 256, 224, Filter::kBilinear);
  EXPECT_EQ(out.width, 224);
  EXPECT_EQ(out.height, 224);
}

TEST(Resize, FlipMirrorsColumns) {
  const Image source = noise(5, 3, 7);
  const Image flipped = flip_horizontal(source);
  ASSERT_EQ(flipped.pixels.size(), source.pixels.size());
  for (int64_t y = 0; y < 3; ++y) {
    for (int64_t x = 0; x < 5; ++x) {
      for (int c = 0; c < 3; ++c) EXPECT_EQ(flipped.at(x, y)[c], source.at(4 - x, y)[c]);
    }
  }
}

TEST(Resize, RefusesWhatHasNoPixels) {
  EXPECT_THROW(resize(Image{}, 3, 3, Filter::kBilinear), ShapeError);
  EXPECT_THROW(resize(noise(3, 3, 8), 0, 3, Filter::kBilinear), ShapeError);
  EXPECT_THROW(center_crop(noise(3, 3, 8), 4, 2), ShapeError);
  EXPECT_THROW(resize_center_crop(noise(3, 3, 8), 4, 5, Filter::kBilinear), ShapeError);
}

}  // namespace
}  // namespace infig
