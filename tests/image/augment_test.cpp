#include "image/augment.h"

#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <sstream>

#include "golden_pack.h"

namespace infig {
namespace {

using testing::read_pack;
using testing::same_picture;
using Values = std::vector<double>;

const std::map<std::string, std::function<Image(const Image&, const Values&)>>& operations() {
  static const std::map<std::string, std::function<Image(const Image&, const Values&)>> all = {
      {"autocontrast", [](const Image& i, const Values&) { return auto_contrast(i); }},
      {"equalize", [](const Image& i, const Values&) { return equalize(i); }},
      {"invert", [](const Image& i, const Values&) { return invert(i); }},
      {"posterize", [](const Image& i, const Values& v) { return posterize(i, static_cast<int>(v[0])); }},
      {"solarize", [](const Image& i, const Values& v) { return solarize(i, v[0]); }},
      {"solarize_add", [](const Image& i, const Values& v) { return solarize_add(i, v[0]); }},
      {"color", [](const Image& i, const Values& v) { return adjust_color(i, v[0]); }},
      {"contrast", [](const Image& i, const Values& v) { return adjust_contrast(i, v[0]); }},
      {"brightness", [](const Image& i, const Values& v) { return adjust_brightness(i, v[0]); }},
      {"sharpness", [](const Image& i, const Values& v) { return adjust_sharpness(i, v[0]); }},
      {"rotate", [](const Image& i, const Values& v) { return rotate(i, v[0]); }},
      {"shear_x", [](const Image& i, const Values& v) { return shear_x(i, v[0]); }},
      {"shear_y", [](const Image& i, const Values& v) { return shear_y(i, v[0]); }},
      {"translate_x", [](const Image& i, const Values& v) { return translate_x(i, v[0]); }},
      {"translate_y", [](const Image& i, const Values& v) { return translate_y(i, v[0]); }},
      {"cutout", [](const Image& i, const Values& v) { return cutout(i, v[0], v[1], v[2]); }},
  };
  return all;
}

// "photo/cutout/20.3/15.9/18.6" -> its parts.
std::vector<std::string> split(const std::string& key) {
  std::vector<std::string> parts;
  std::istringstream in(key);
  for (std::string part; std::getline(in, part, '/');) parts.push_back(part);
  return parts;
}

TEST(Augment, EveryOperationEqualsPillow) {
  const auto pack = read_pack("augment");
  std::set<std::string> seen;
  for (const auto& [key, expected] : pack) {
    const auto parts = split(key);
    if (parts.size() < 2 || parts[0] == "long") continue;
    Values values;
    for (size_t i = 2; i < parts.size(); ++i) values.push_back(std::stod(parts[i]));
    EXPECT_TRUE(same_picture(operations().at(parts[1])(pack.at(parts[0]), values), expected)) << key;
    seen.insert(parts[1]);
  }
  EXPECT_EQ(seen.size(), 16u);
}

TEST(Augment, WarpsBeyondTheFixedPointRange) {
  const auto pack = read_pack("augment");
  const Image& seed = pack.at("long/seed");
  Image long_picture = make_image(33'000, 2, 0, 0, 0);
  for (int64_t y = 0; y < 2; ++y) {
    for (int64_t x = 0; x < 33'000; ++x) std::copy_n(seed.at(x / 825, 0), 3, long_picture.at(x, y));
  }
  const Image warped = shear_x(long_picture, 0.3);
  Image part = make_image(10, 2, 0, 0, 0);
  for (int64_t y = 0; y < 2; ++y) std::copy_n(warped.at(820, y), 30, part.at(0, y));
  EXPECT_TRUE(same_picture(part, pack.at("long/shear_x/0.3")));
}

TEST(Augment, ValuesAtMagnitude14AreThePapersList) {
  const std::pair<AugmentOp, double> expected[] = {
      {AugmentOp::kRotate, 14.0},           {AugmentOp::kPosterize, 28.0 / 15}, {AugmentOp::kSolarize, 1792.0 / 15},
      {AugmentOp::kSolarizeAdd, 154.0 / 3}, {AugmentOp::kColor, 0.94},          {AugmentOp::kContrast, 0.94},
      {AugmentOp::kBrightness, 0.94},       {AugmentOp::kSharpness, 0.94},      {AugmentOp::kShearX, 0.14},
      {AugmentOp::kShearY, 0.14},           {AugmentOp::kCutout, 56.0 / 3},     {AugmentOp::kTranslateX, 140.0 / 3},
      {AugmentOp::kTranslateY, 140.0 / 3},
  };
  for (const auto& [op, value] : expected) EXPECT_NEAR(augment_value(op, 14), value, 1e-12) << augment_name(op);
  EXPECT_DOUBLE_EQ(augment_value(AugmentOp::kRotate, 30), 30);
  EXPECT_DOUBLE_EQ(augment_value(AugmentOp::kColor, 0), 0.1);
}

TEST(Augment, PosterizeKeepsAtLeastOneBit) {
  const Image grey = make_image(2, 1, 200, 100, 128);
  RandomStream stream(1, "test");
  const Image out = apply_augment(AugmentOp::kPosterize, grey, 0.4, stream);
  ASSERT_EQ(out.pixels.size(), 6u);
  EXPECT_EQ(out.pixels[0], 128);
  EXPECT_EQ(out.pixels[1], 0);
  EXPECT_EQ(out.pixels[2], 128);
}

// Signs come up evenly, and each operation is drawn as often as another.
TEST(Augment, DrawsAreUniform) {
  const Image ramp = [] {
    Image image = make_image(9, 1, 0, 0, 0);
    for (int64_t x = 0; x < 9; ++x) image.at(x, 0)[0] = static_cast<uint8_t>(10 * (x + 1));
    return image;
  }();
  int to_left = 0;
  for (uint64_t i = 0; i < 1000; ++i) {
    RandomStream stream(2, "signs", i);
    const Image out = apply_augment(AugmentOp::kTranslateX, ramp, 2, stream);
    ASSERT_TRUE(out.pixels[0] == 30 || out.pixels[0] == 0);  // source x = x + 2 or x - 2
    to_left += out.pixels[0] == 30 ? 1 : 0;
  }
  EXPECT_NEAR(to_left, 500, 80);  // five deviations

  // Which operation ran shows in its result on a picture where all sixteen differ.
  const Image photo = read_pack("augment").at("photo");
  std::map<std::vector<uint8_t>, int> results;
  for (uint64_t i = 0; i < 3200; ++i) {
    RandomStream stream(3, "kinds", i);
    ++results[rand_augment(photo, 1, 14, stream).pixels];
  }
  RandomStream any(4, "any");
  for (const auto op : {AugmentOp::kAutoContrast, AugmentOp::kEqualize, AugmentOp::kInvert, AugmentOp::kPosterize, AugmentOp::kSolarize,
                        AugmentOp::kSolarizeAdd, AugmentOp::kColor, AugmentOp::kContrast, AugmentOp::kBrightness, AugmentOp::kSharpness}) {
    EXPECT_NEAR(results[apply_augment(op, photo, augment_value(op, 14), any).pixels], 200, 70) << augment_name(op);
  }
}

TEST(Augment, SameStreamSamePicture) {
  const Image photo = read_pack("augment").at("photo");
  RandomStream first(5, "augment", 3), second(5, "augment", 3), other(5, "augment", 4);
  const Image a = rand_augment(photo, 2, 14, first);
  EXPECT_TRUE(same_picture(rand_augment(photo, 2, 14, second), a));
  EXPECT_FALSE(same_picture(rand_augment(photo, 2, 14, other), a));
  EXPECT_TRUE(same_picture(rand_augment(photo, 0, 14, first), photo));
}

}  // namespace
}  // namespace infig
