// Pictures brought to a square as each maker does it: tools/golden/make_framing.py.
#include <gtest/gtest.h>

#include "core/error.h"
#include "golden_pack.h"
#include "image/preprocessor.h"
#include "image/resize.h"

namespace infig {
namespace {

using testing::read_pack;
using testing::same_picture;

// Whatever transformers' own files say, read as they are.
ImageOptions stated(const std::string& name) {
  const std::string text =
      name == "clip"   ? R"({"image_processor_type": "CLIPImageProcessor", "size": {"shortest_edge": 24}, "crop_size": 19})"
      : name == "vit"  ? R"({"image_processor_type": "ViTImageProcessor", "size": 20})"
      : name == "deit" ? R"({"image_processor_type": "DeiTImageProcessor", "size": {"height": 25, "width": 25}, "crop_size": [20, 20]})"
                       : R"({"image_processor_type": "ConvNextImageProcessor", "size": {"shortest_edge": 20}})";
  return parse_preprocessor(text, {}, name);
}

Framing even(int64_t resize, int64_t size, ResizeMode mode) {
  return {.resize = resize, .size = size, .filter = Filter::kBicubic, .mode = mode, .rounding = CropRounding::kEven, .fill = {9, 80, 250}};
}

Image framed(const Image& source, const std::string& how, const Image& expected) {
  if (how == "shortest") return frame_picture(source, even(24, 19, ResizeMode::kShortest));
  if (how == "longest") return frame_picture(source, even(20, 20, ResizeMode::kLongest));
  if (how == "border") return frame_picture(source, even(25, 20, ResizeMode::kLongest));
  if (how == "squash") return frame_picture(source, even(25, 20, ResizeMode::kSquash));
  for (const auto& [name, filter] :
       {std::pair("box", Filter::kBox), std::pair("hamming", Filter::kHamming), std::pair("lanczos", Filter::kLanczos)}) {
    if (how.starts_with(name)) return resize(source, expected.width, expected.height, filter);
  }
  return frame_picture(source, stated(how).framing());
}

TEST(Framing, IsThatOfEachMaker) {
  const auto pack = read_pack("framing");
  size_t compared = 0;
  for (const auto& [key, expected] : pack) {
    const size_t slash = key.find('/');
    if (slash == std::string::npos) continue;
    EXPECT_TRUE(same_picture(framed(pack.at(key.substr(0, slash)), key.substr(slash + 1), expected), expected)) << key;
    ++compared;
  }
  EXPECT_EQ(compared, 70U);
}

// 59.5 to 60, 58.5 to 58: a row of 343 and of 341 pixels, cut to 224.
TEST(Framing, HalfAPixelGoesToTheEvenOne) {
  for (const auto& [width, down, to_even] : {std::tuple<int64_t, int64_t, int64_t>{343, 59, 60}, {341, 58, 58}, {342, 59, 59}}) {
    Image row = make_image(width, 224, 0, 0, 0);
    for (int64_t x = 0; x < width; ++x) row.at(x, 0)[0] = static_cast<uint8_t>(x);
    EXPECT_EQ(center_crop(row, 224, 224).at(0, 0)[0], down) << width;
    EXPECT_EQ(center_crop(row, 224, 224, CropRounding::kEven).at(0, 0)[0], to_even) << width;
  }
}

TEST(Framing, AStripKeepsAtLeastOneRow) {
  const Image strip = make_image(1000, 1, 200, 100, 50);
  const Image out = frame_picture(strip, even(20, 20, ResizeMode::kLongest));
  ASSERT_EQ(out.width, 20);
  ASSERT_EQ(out.height, 20);
  EXPECT_EQ(out.at(0, 9)[0], 200);  // one row of 20: nine above it, ten below
  EXPECT_EQ(out.at(0, 8)[0], 9);
  EXPECT_EQ(out.at(0, 10)[2], 250);
  EXPECT_THROW(frame_picture(strip, even(19, 20, ResizeMode::kSquash)), ShapeError);
  EXPECT_THROW(frame_picture(Image{}, even(20, 20, ResizeMode::kSquash)), ShapeError);
}

}  // namespace
}  // namespace infig
