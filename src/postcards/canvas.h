// A canvas for Postcards: integer drawing at three times the resolution, so that equal calls give equal bytes on every machine.
// Coordinates and lengths are thousandths of the picture's side, x to the right, y down; shapes may reach outside, up to 4000 either way.
// A pixel of the fine grid belongs to a shape if its centre lies inside. Alpha runs from 0 (nothing) to 256 (opaque).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/random.h"

namespace infig::postcards {

struct Colour {
  int red = 0, green = 0, blue = 0;  // 0 .. 255
};

struct Point {
  int x = 0, y = 0;
};

// a at t = 0, b at t = 256.
Colour mix(Colour a, Colour b, int t);
// Lighter or darker by a draw of -amount .. amount, and each channel by a third of that on its own; kept within 0 .. 255.
Colour jitter(Colour colour, int amount, RandomStream& stream);
// 1024 * sine and cosine of step/64 of a full turn, from a table; any step.
int sine64(int step);
int cosine64(int step);
// The largest integer whose square is at most `value`.
uint64_t integer_root(uint64_t value);

constexpr int kOpaque = 256;

class Canvas {
 public:
  static constexpr int kFine = 3;  // fine pixels a side of each pixel of the picture

  explicit Canvas(int64_t size);  // side of the finished picture; black

  void gradient(int top, int bottom, Colour above, Colour below);  // full width
  void rect(int left, int top, int right, int bottom, Colour colour, int alpha = kOpaque);
  void ellipse(int x, int y, int radius_x, int radius_y, Colour colour, int alpha = kOpaque);
  void circle(int x, int y, int radius, Colour colour, int alpha = kOpaque) { ellipse(x, y, radius, radius, colour, alpha); }
  void ring(int x, int y, int radius, int width, Colour colour);                     // drawn as a closed polyline of 32 pieces
  void polygon(std::span<const Point> corners, Colour colour, int alpha = kOpaque);  // even-odd
  void polygon(std::initializer_list<Point> corners, Colour colour, int alpha = kOpaque);
  // A stroke; its ends are round when it is opaque, flat otherwise (so that no part is blended twice).
  void line(Point from, Point to, int width, Colour colour, int alpha = kOpaque);
  // A soft spot: alpha * (1 - d^2 / radius^2)^2 at distance d.
  void glow(int x, int y, int radius, Colour colour, int alpha);
  // Soft blotches (smoothed value noise, `cell` wide) blended with 0 .. alpha, in the rectangle between rows top and bottom.
  void blotches(int top, int bottom, int cell, Colour colour, int alpha, RandomStream& stream);
  // Everything so far towards `colour`.
  void tint(Colour colour, int alpha) { rect(-1, -1, 1001, 1001, colour, alpha); }

  // The finished picture: means of kFine x kFine fine pixels, plus grain of -amount .. amount on all channels alike.
  // Returns size * size * 3 bytes, RGB, row by row.
  std::vector<uint8_t> finish(int grain, RandomStream& stream) const;

 private:
  void span(int64_t row, int64_t first, int64_t end, Colour colour, int alpha);  // clipped
  void blend(uint8_t* pixel, Colour colour, int alpha);
  int64_t fixed(int value) const;  // thousandths -> sixteenths of a fine pixel
  int64_t size_, side_;            // side_: of the fine grid
  std::vector<uint8_t> pixels_;
};

}  // namespace infig::postcards
