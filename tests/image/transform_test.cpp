#include "image/transform.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "golden_pack.h"
#include "image/encode.h"

namespace infig {
namespace {

using testing::as_bytes;
using testing::same_picture;

Image gradient(int64_t width, int64_t height) {
  Image image = make_image(width, height, 0, 0, 0);
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x) {
      image.at(x, y)[0] = static_cast<uint8_t>(255 * x / width);
      image.at(x, y)[1] = static_cast<uint8_t>(255 * y / height);
      image.at(x, y)[2] = static_cast<uint8_t>((x * 7 + y * 13) % 256);
    }
  }
  return image;
}

TEST(Transform, EvaluationIsResizeAndCrop) {
  const Image image = gradient(300, 211);
  const Image expected = center_crop(resize_shorter(image, 256, Filter::kBicubic), 224, 224);
  EXPECT_TRUE(same_picture(transform_image(image, {.filter = Filter::kBicubic}, nullptr), expected));
}

TEST(Transform, FlipComesUpHalfTheTimeAndNothingElseChanges) {
  const Image image = gradient(64, 50);
  const ImageOptions options{.size = 20, .resize = 24, .augment = Augment::kFlip};
  const Image plain = transform_image(image, options, nullptr), mirrored = flip_horizontal(plain);
  int flips = 0;
  for (uint64_t i = 0; i < 400; ++i) {
    RandomStream stream(1, "flip", i);
    const Image out = transform_image(image, options, &stream);
    const bool flipped = out.pixels == mirrored.pixels;
    ASSERT_TRUE(flipped || out.pixels == plain.pixels);
    flips += flipped ? 1 : 0;
  }
  EXPECT_NEAR(flips, 200, 50);
}

TEST(Transform, NoneIgnoresTheStream) {
  const Image image = gradient(64, 50);
  const ImageOptions options{.size = 20, .resize = 24, .augment = Augment::kNone};
  RandomStream stream(2, "none");
  EXPECT_TRUE(same_picture(transform_image(image, options, &stream), transform_image(image, options, nullptr)));
  EXPECT_EQ(stream.position(), 0u);
}

// RandAugment stands before everything: it sees source pixels, and its draws come before the flip's.
TEST(Transform, RandAugmentComesFirst) {
  const Image image = gradient(90, 120);
  const ImageOptions options{.size = 56, .resize = 64};
  for (uint64_t i = 0; i < 20; ++i) {
    RandomStream one(3, "rand", i), two(3, "rand", i);
    Image expected = center_crop(resize_shorter(rand_augment(image, 2, 14, one), 64, Filter::kBilinear), 56, 56);
    if (one.chance(0.5)) expected = flip_horizontal(expected);
    EXPECT_TRUE(same_picture(transform_image(image, options, &two), expected)) << i;
  }
}

TEST(Transform, NormalizeIsTheFormulaChannelsLast) {
  const Image image = gradient(17, 9);
  std::vector<float> out(17 * 9 * 3, std::nanf(""));
  normalize_image(image, {}, out.data());
  const float mean[] = {0.485F, 0.456F, 0.406F}, deviation[] = {0.229F, 0.224F, 0.225F};
  for (size_t i = 0; i < out.size(); ++i) {
    ASSERT_EQ(out[i], (static_cast<float>(image.pixels[i]) / 255.0F - mean[i % 3]) / deviation[i % 3]) << i;
  }
  std::vector<float> white(3, 0);
  normalize_image(make_image(1, 1, 255, 255, 255), {}, white.data());
  EXPECT_NEAR(white[0], 2.2489083, 1e-6);  // (1 - 0.485) / 0.229
  EXPECT_NEAR(white[1], 2.4285714, 1e-6);
  EXPECT_NEAR(white[2], 2.64, 1e-6);
}

TEST(Transform, OptionsReadBackWhatTheyDump) {
  ImageOptions options;
  ConfigBinder binder;
  binder.section("image");
  bind_options(binder, options);
  read_config_text(binder,
                   "image:\n  size: 64\n  resize: 72\n  filter: bicubic\n  augment: flip\n  rand_ops: 3\n  rand_magnitude: 7\n  mean: "
                   "[0.5, 0.456, 0.25]\n  std: [0.229, 2, 0.225]\n  exif: ignore\n  max_pixels: 1000\n  resize_mode: "
                   "longest\n  crop_rounding: even\n  fill: [1, 2, 255]\n",
                   "test");
  EXPECT_EQ(options.size, 64);
  EXPECT_EQ(options.resize, 72);
  EXPECT_EQ(options.filter, Filter::kBicubic);
  EXPECT_EQ(options.augment, Augment::kFlip);
  EXPECT_EQ(options.rand_ops, 3);
  EXPECT_EQ(options.rand_magnitude, 7);
  EXPECT_EQ(options.mean, (std::vector<double>{0.5, 0.456, 0.25}));
  EXPECT_EQ(options.std, (std::vector<double>{0.229, 2, 0.225}));
  EXPECT_EQ(options.framing().mode, ResizeMode::kLongest);
  EXPECT_EQ(options.framing().rounding, CropRounding::kEven);
  EXPECT_EQ(options.framing().fill, (std::array<uint8_t, 3>{1, 2, 255}));
  EXPECT_FALSE(options.decode().apply_exif);
  EXPECT_EQ(options.decode().max_pixels, 1000);

  ImageOptions second;
  ConfigBinder again;
  again.section("image");
  bind_options(again, second);
  read_config_text(again, dump_config(binder, true), "dump");
  EXPECT_EQ(dump_config(again, true), dump_config(binder, true));
  EXPECT_EQ(second.mean, options.mean);
  EXPECT_THROW(apply_override(again, "image.std=[0.2, 0, 0.2]"), ConfigError);
  EXPECT_THROW(apply_override(again, "image.mean=[0.2, 0.2]"), ConfigError);
  EXPECT_THROW(apply_override(again, "image.mean=0.5"), ConfigError);
  EXPECT_THROW(apply_override(again, "image.rand_magnitude=31"), ConfigError);
  EXPECT_THROW(apply_override(again, "image.filter=cubic"), ConfigError);
}

TEST(Transform, ValidateNamesTheKey) {
  const auto message = [](const ImageOptions& options) -> std::string {
    try {
      options.validate();
    } catch (const ConfigError& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(message({}), "");
  EXPECT_NE(message({.size = 300}).find("image.resize"), std::string::npos);
  EXPECT_NE(message({.size = 0}).find("image.size"), std::string::npos);
  EXPECT_NE(message({.rand_ops = 17}).find("image.rand_ops"), std::string::npos);
  EXPECT_NE(message({.mean = {0.5}}).find("image.mean"), std::string::npos);
  EXPECT_NE(message({.std = {0.5, 0, 0.5}}).find("image.std"), std::string::npos);
  EXPECT_NE(message({.max_pixels = 0}).find("image.max_pixels"), std::string::npos);
}

TEST(Encode, JpegComesBackNearlyTheSame) {
  Image image = gradient(31, 63);
  for (size_t i = 2; i < image.pixels.size(); i += 3) image.pixels[i] = 90;  // smooth, since JPEG halves the colours' resolution
  const std::string bytes = encode_jpeg(image, 100);
  const DecodedImage decoded = decode_image(as_bytes(bytes), {});
  ASSERT_EQ(decoded.status, ImageStatus::kOk) << decoded.reason;
  ASSERT_EQ(decoded.image.width, 31);
  ASSERT_EQ(decoded.image.height, 63);
  double sum = 0;
  for (size_t i = 0; i < image.pixels.size(); ++i) sum += std::abs(int{image.pixels[i]} - int{decoded.image.pixels[i]});
  EXPECT_LT(sum / static_cast<double>(image.pixels.size()), 2);
  EXPECT_LT(encode_jpeg(image, 20).size(), bytes.size() / 2);
  EXPECT_THROW(encode_jpeg(image, 0), ResourceError);
  EXPECT_THROW(encode_jpeg(Image{}, 80), ResourceError);
}

}  // namespace
}  // namespace infig
