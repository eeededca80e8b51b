// The canvas of Postcards against values worked by hand and naive per-pixel loops in floating point.
#include "postcards/canvas.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>

namespace infig::postcards {
namespace {

constexpr Colour kWhite{255, 255, 255};
constexpr int64_t kSize = 100;  // then one pixel is 10 thousandths

std::vector<uint8_t> finish(const Canvas& canvas, int grain = 0) {
  RandomStream stream(1, "test.canvas");
  return canvas.finish(grain, stream);
}

int red_at(const std::vector<uint8_t>& picture, int64_t x, int64_t y) { return picture.at(static_cast<size_t>((y * kSize + x) * 3)); }

// White where `inside` says so at the centre of a fine pixel, in thousandths; the mean of 3 x 3.
std::vector<double> naive(const std::function<bool(double, double)>& inside) {
  std::vector<double> values;
  for (int64_t y = 0; y < kSize; ++y) {
    for (int64_t x = 0; x < kSize; ++x) {
      int hits = 0;
      for (int i = 0; i < 9; ++i) {
        const double fine_x = (static_cast<double>(3 * x + i % 3) + 0.5) * 1000 / 300,
                     fine_y = (static_cast<double>(3 * y + i / 3) + 0.5) * 1000 / 300;
        hits += inside(fine_x, fine_y) ? 1 : 0;
      }
      values.push_back(hits * 255 / 9.0);
    }
  }
  return values;
}

// One fine pixel on the outline may fall either way where its centre is nearer than a sixteenth.
void expect_near(const Canvas& canvas, const std::vector<double>& expected, int64_t pixels_off) {
  const std::vector<uint8_t> picture = finish(canvas);
  ASSERT_EQ(picture.size(), expected.size() * 3);
  int64_t off = 0;
  double drawn = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    const double difference = std::abs(picture[i * 3] - expected[i]);
    EXPECT_LE(difference, 2 * 255 / 9.0 + 1) << "pixel " << i % kSize << ", " << i / kSize;
    off += difference > 1 ? 1 : 0;
    drawn += picture[i * 3];
  }
  EXPECT_LE(off, pixels_off);
  EXPECT_GT(drawn, 0);
}

TEST(Canvas, RectangleCoversItsPixelsAndAThirdOfTheNext) {
  Canvas canvas(kSize);
  canvas.rect(200, 300, 503, 400, kWhite);  // the right edge reaches 0.9 fine pixels into column 50
  const std::vector<uint8_t> picture = finish(canvas);
  EXPECT_EQ(red_at(picture, 19, 35), 0);
  EXPECT_EQ(red_at(picture, 20, 30), 255);
  EXPECT_EQ(red_at(picture, 49, 39), 255);
  EXPECT_EQ(red_at(picture, 50, 35), 85);  // 3 of 9 fine pixels
  EXPECT_EQ(red_at(picture, 51, 35), 0);
  EXPECT_EQ(red_at(picture, 30, 29), 0);
  EXPECT_EQ(red_at(picture, 30, 40), 0);
}

TEST(Canvas, EllipseIsTheNaiveOne) {
  Canvas canvas(kSize);
  canvas.ellipse(430, 520, 310, 170, kWhite);
  expect_near(canvas, naive([](double x, double y) { return std::pow((x - 430) / 310, 2) + std::pow((y - 520) / 170, 2) < 1; }), 12);
}

TEST(Canvas, EllipseThatReachesFarOutsideIsClipped) {
  Canvas canvas(kSize);
  canvas.ellipse(-400, 1900, 1500, 1700, kWhite);
  expect_near(canvas, naive([](double x, double y) { return std::pow((x + 400) / 1500, 2) + std::pow((y - 1900) / 1700, 2) < 1; }), 12);
}

TEST(Canvas, PolygonIsEvenOdd) {
  Canvas canvas(kSize);  // a bow tie: two triangles that meet in (500, 500)
  canvas.polygon({{200, 230}, {800, 770}, {800, 230}, {200, 770}}, kWhite);
  expect_near(canvas, naive([](double x, double y) { return x > 200 && x < 800 && std::abs(y - 500) < 0.9 * std::abs(x - 500); }), 25);
  EXPECT_THROW(canvas.polygon({{0, 0}, {1, 1}}, kWhite), std::invalid_argument);
}

TEST(Canvas, OpaqueLineIsACapsule) {
  Canvas canvas(kSize);
  canvas.line({200, 300}, {500, 700}, 100, kWhite);  // a 3-4-5 triangle: all offsets are whole
  expect_near(canvas, naive([](double x, double y) {
                const double along = std::clamp(((x - 200) * 300 + (y - 300) * 400) / 250000, 0.0, 1.0);
                return std::hypot(x - 200 - along * 300, y - 300 - along * 400) < 50;
              }),
              25);
}

TEST(Canvas, BlendsAndGradientsByHand) {
  Canvas canvas(kSize);
  canvas.gradient(0, 1000, {0, 0, 0}, {250, 250, 250});
  std::vector<uint8_t> picture = finish(canvas);
  EXPECT_NEAR(red_at(picture, 50, 0), 0, 2);
  EXPECT_NEAR(red_at(picture, 50, 50), 125, 3);
  EXPECT_NEAR(red_at(picture, 50, 99), 250, 2);
  canvas.tint({200, 100, 40}, kOpaque);
  canvas.tint({0, 0, 0}, 64);  // a quarter of the way to black
  picture = finish(canvas);
  EXPECT_EQ(picture.at(0), 150);
  EXPECT_EQ(picture.at(1), 75);
  EXPECT_EQ(picture.at(2), 30);
  EXPECT_EQ(picture.back(), 30);
}

TEST(Canvas, GlowFallsAsItsFormulaSays) {
  Canvas canvas(kSize);
  canvas.glow(500, 500, 300, kWhite, 256);
  const std::vector<uint8_t> picture = finish(canvas);
  for (const int64_t x : {50, 55, 60, 65, 70, 75, 79, 85}) {
    const double away = (static_cast<double>(x) + 0.5) * 10 - 500, near = std::max(0.0, 1 - (away * away + 25) / 90000);
    EXPECT_NEAR(red_at(picture, x, 50), 255 * near * near, 4) << x;
  }
}

TEST(Canvas, GrainStaysInItsBoundsAndBlotchesInTheirRows) {
  Canvas canvas(kSize);
  canvas.tint({100, 100, 100}, kOpaque);
  RandomStream stream(5, "test.blotches");
  canvas.blotches(500, 1000, 100, kWhite, 128, stream);
  const std::vector<uint8_t> picture = finish(canvas, 4);
  double above = 0, squares = 0, below = 0;
  for (int64_t y = 0; y < kSize; ++y) {
    for (int64_t x = 0; x < kSize; ++x) {
      const int value = red_at(picture, x, y) - 100;
      if (y < 50) {
        ASSERT_LE(std::abs(value), 4);
        above += value;
        squares += value * value;
      } else {
        ASSERT_GE(value, -4);
        ASSERT_LE(value, 82);  // half of 155, and the grain
        below += value;
      }
    }
  }
  EXPECT_NEAR(above / 5000, 0, 0.2);
  EXPECT_NEAR(squares / 5000, 60 / 9.0, 0.6);  // uniform on -4 .. 4
  EXPECT_NEAR(below / 5000, 155 / 4.0, 15);    // noise of mean one half, alpha one half
}

TEST(CanvasMath, SinesAndRoots) {
  for (int step = -70; step < 140; ++step) {
    EXPECT_NEAR(sine64(step), 1024 * std::sin(2 * std::numbers::pi * step / 64), 0.51) << step;
    EXPECT_NEAR(cosine64(step), 1024 * std::cos(2 * std::numbers::pi * step / 64), 0.51) << step;
  }
  for (const uint64_t root : {0ULL, 1ULL, 2ULL, 1000ULL, 65535ULL, 4294967295ULL}) {
    EXPECT_EQ(integer_root(root * root), root);
    if (root == 0) continue;
    EXPECT_EQ(integer_root(root * root - 1), root - 1);
    EXPECT_EQ(integer_root(root * root + (root > 1 ? 1 : 0)), root);
  }
  EXPECT_EQ(integer_root(UINT64_MAX), 4294967295ULL);
}

}  // namespace
}  // namespace infig::postcards
