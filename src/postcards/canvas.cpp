#include "postcards/canvas.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <stdexcept>

namespace infig::postcards {
namespace {

constexpr int64_t kSub = 16;  // steps a fine pixel

// Row or column centres at or after `position` start here: the smallest i with kSub * i + kSub / 2 >= position.
int64_t first_centre(int64_t position) {
  const int64_t shifted = position - kSub / 2 + kSub - 1;
  return shifted >= 0 ? shifted / kSub : -((-shifted + kSub - 1) / kSub);
}

int clamp_byte(int value) { return std::clamp(value, 0, 255); }

}  // namespace

Colour mix(Colour a, Colour b, int t) {
  return {a.red + (b.red - a.red) * t / 256, a.green + (b.green - a.green) * t / 256, a.blue + (b.blue - a.blue) * t / 256};
}

Colour jitter(Colour colour, int amount, RandomStream& stream) {
  const auto draw = [&](int reach) { return static_cast<int>(stream.between(-reach, reach)); };
  const int light = draw(amount), tinge = amount / 3;
  const int red = draw(tinge), green = draw(tinge), blue = draw(tinge);
  return {clamp_byte(colour.red + light + red), clamp_byte(colour.green + light + green), clamp_byte(colour.blue + light + blue)};
}

int sine64(int step) {
  static constexpr std::array<int, 17> kQuarter = {0, 100, 200, 297, 392, 483, 569, 650, 724, 792, 851, 903, 946, 980, 1004, 1019, 1024};
  const int turn = ((step % 64) + 64) % 64;
  const int half = turn % 32;
  const int value = kQuarter[static_cast<size_t>(half <= 16 ? half : 32 - half)];
  return turn < 32 ? value : -value;
}

int cosine64(int step) { return sine64(step + 16); }

uint64_t integer_root(uint64_t value) {
  uint64_t root = 0;
  for (uint64_t bit = 1ULL << 31; bit != 0; bit >>= 1) {
    const uint64_t trial = root | bit;
    if (trial * trial <= value) root = trial;
  }
  return root;
}

Canvas::Canvas(int64_t size) : size_(size), side_(size * kFine), pixels_(static_cast<size_t>(side_ * side_ * 3), 0) {}

int64_t Canvas::fixed(int value) const { return value * side_ * kSub / 1000; }

void Canvas::blend(uint8_t* pixel, Colour colour, int alpha) {
  pixel[0] = static_cast<uint8_t>(pixel[0] + (((colour.red - pixel[0]) * alpha) >> 8));
  pixel[1] = static_cast<uint8_t>(pixel[1] + (((colour.green - pixel[1]) * alpha) >> 8));
  pixel[2] = static_cast<uint8_t>(pixel[2] + (((colour.blue - pixel[2]) * alpha) >> 8));
}

void Canvas::span(int64_t row, int64_t first, int64_t end, Colour colour, int alpha) {
  if (row < 0 || row >= side_) return;
  first = std::max<int64_t>(first, 0);
  end = std::min(end, side_);
  for (int64_t column = first; column < end; ++column) blend(&pixels_[static_cast<size_t>((row * side_ + column) * 3)], colour, alpha);
}

void Canvas::gradient(int top, int bottom, Colour above, Colour below) {
  const int64_t first = first_centre(fixed(top)), end = first_centre(fixed(bottom));
  for (int64_t row = std::max<int64_t>(first, 0); row < std::min(end, side_); ++row) {
    span(row, 0, side_, mix(above, below, static_cast<int>((row - first) * 256 / std::max<int64_t>(end - first - 1, 1))), kOpaque);
  }
}

void Canvas::rect(int left, int top, int right, int bottom, Colour colour, int alpha) {
  const int64_t first = first_centre(fixed(left)), end = first_centre(fixed(right));
  for (int64_t row = first_centre(fixed(top)); row < first_centre(fixed(bottom)); ++row) span(row, first, end, colour, alpha);
}

void Canvas::ellipse(int x, int y, int radius_x, int radius_y, Colour colour, int alpha) {
  const int64_t centre_x = fixed(x), centre_y = fixed(y), half_width = fixed(radius_x), half_height = fixed(radius_y);
  if (half_width <= 0 || half_height <= 0) return;
  for (int64_t row = first_centre(centre_y - half_height); row < first_centre(centre_y + half_height); ++row) {
    const int64_t away = row * kSub + kSub / 2 - centre_y;
    // 8 more bits under the root: without them the outline of a small ellipse has steps.
    const uint64_t root = integer_root(static_cast<uint64_t>(half_height * half_height - away * away) << 16);
    const int64_t reach = half_width * static_cast<int64_t>(root) / (half_height << 8);
    span(row, first_centre(centre_x - reach), first_centre(centre_x + reach), colour, alpha);
  }
}

void Canvas::ring(int x, int y, int radius, int width, Colour colour) {
  for (int step = 0; step < 64; step += 2) {
    line({x + radius * cosine64(step) / 1024, y + radius * sine64(step) / 1024},
         {x + radius * cosine64(step + 2) / 1024, y + radius * sine64(step + 2) / 1024}, width, colour);
  }
}

void Canvas::polygon(std::initializer_list<Point> corners, Colour colour, int alpha) {
  polygon(std::span<const Point>(corners.begin(), corners.size()), colour, alpha);
}

void Canvas::polygon(std::span<const Point> corners, Colour colour, int alpha) {
  if (corners.size() < 3) throw std::invalid_argument("Canvas::polygon: fewer than three corners");
  const auto [lowest, highest] = std::minmax_element(corners.begin(), corners.end(), [](Point a, Point b) { return a.y < b.y; });
  const int64_t end = std::min(first_centre(fixed(highest->y)), side_);
  std::vector<int64_t> crossings;
  for (int64_t row = std::max<int64_t>(first_centre(fixed(lowest->y)), 0); row < end; ++row) {
    const int64_t centre = row * kSub + kSub / 2;
    crossings.clear();
    for (size_t i = 0; i < corners.size(); ++i) {
      const Point a = corners[i], b = corners[(i + 1) % corners.size()];
      const int64_t top = fixed(a.y), bottom = fixed(b.y);
      if ((top <= centre) == (bottom <= centre)) continue;
      crossings.push_back(fixed(a.x) + (centre - top) * (fixed(b.x) - fixed(a.x)) / (bottom - top));
    }
    std::sort(crossings.begin(), crossings.end());
    for (size_t i = 0; i + 1 < crossings.size(); i += 2)
      span(row, first_centre(crossings[i]), first_centre(crossings[i + 1]), colour, alpha);
  }
}

void Canvas::line(Point from, Point to, int width, Colour colour, int alpha) {
  const int64_t dx = to.x - from.x, dy = to.y - from.y;
  const auto length = static_cast<int64_t>(integer_root(static_cast<uint64_t>(dx * dx + dy * dy)));
  if (length > 0) {
    const auto across_x = static_cast<int>(-dy * width / (2 * length)), across_y = static_cast<int>(dx * width / (2 * length));
    polygon({{from.x + across_x, from.y + across_y},
             {to.x + across_x, to.y + across_y},
             {to.x - across_x, to.y - across_y},
             {from.x - across_x, from.y - across_y}},
            colour, alpha);
  }
  if (alpha < kOpaque) return;
  circle(from.x, from.y, width / 2, colour);
  circle(to.x, to.y, width / 2, colour);
}

void Canvas::glow(int x, int y, int radius, Colour colour, int alpha) {
  const int64_t centre_x = fixed(x), centre_y = fixed(y), reach = fixed(radius), limit = reach * reach;
  if (limit == 0) return;
  const int64_t left = std::max<int64_t>(first_centre(centre_x - reach), 0), right = std::min(first_centre(centre_x + reach), side_);
  const int64_t end = std::min(first_centre(centre_y + reach), side_);
  for (int64_t row = std::max<int64_t>(first_centre(centre_y - reach), 0); row < end; ++row) {
    const int64_t dy = row * kSub + kSub / 2 - centre_y;
    for (int64_t column = left; column < right; ++column) {
      const int64_t dx = column * kSub + kSub / 2 - centre_x, squared = dx * dx + dy * dy;
      if (squared >= limit) continue;
      const int64_t near = (limit - squared) * 1024 / limit;
      blend(&pixels_[static_cast<size_t>((row * side_ + column) * 3)], colour, static_cast<int>(near * near * alpha >> 20));
    }
  }
}

void Canvas::blotches(int top, int bottom, int cell, Colour colour, int alpha, RandomStream& stream) {
  const int64_t wide = std::max<int64_t>(fixed(cell) / kSub, 1);
  const int64_t first = std::clamp<int64_t>(first_centre(fixed(top)), 0, side_);
  const int64_t end = std::clamp<int64_t>(first_centre(fixed(bottom)), 0, side_);
  if (first >= end) return;
  const int64_t columns = side_ / wide + 2, rows = (end - first) / wide + 2;
  std::vector<int> lattice(static_cast<size_t>(columns * rows));
  for (int& value : lattice) value = static_cast<int>(stream.next_u32() >> 24);
  std::vector<int> ease(static_cast<size_t>(wide));  // smoothstep, 0 .. 256
  for (int64_t i = 0; i < wide; ++i) {
    const int64_t t = i * 256 / wide;
    ease[static_cast<size_t>(i)] = static_cast<int>(t * t * (768 - 2 * t) >> 16);
  }
  for (int64_t row = first; row < end; ++row) {
    const int64_t lattice_row = (row - first) / wide;
    const int down = ease[static_cast<size_t>((row - first) % wide)];
    for (int64_t column = 0; column < side_; ++column) {
      const int* corner = &lattice[static_cast<size_t>(lattice_row * columns + column / wide)];
      const int along = ease[static_cast<size_t>(column % wide)];
      const int above = corner[0] * 256 + (corner[1] - corner[0]) * along;
      const int below = corner[columns] * 256 + (corner[columns + 1] - corner[columns]) * along;
      const int noise = (above + ((below - above) >> 8) * down) >> 8;
      blend(&pixels_[static_cast<size_t>((row * side_ + column) * 3)], colour, noise * alpha >> 8);
    }
  }
}

std::vector<uint8_t> Canvas::finish(int grain, RandomStream& stream) const {
  std::vector<uint8_t> picture(static_cast<size_t>(size_ * size_ * 3));
  constexpr int kArea = kFine * kFine;
  for (int64_t row = 0; row < size_; ++row) {
    for (int64_t column = 0; column < size_; ++column) {
      std::array<int, 3> sum{};
      for (int64_t i = 0; i < kArea; ++i) {
        const int64_t fine = (row * kFine + i / kFine) * side_ + column * kFine + i % kFine;
        for (int64_t c = 0; c < 3; ++c) sum[static_cast<size_t>(c)] += pixels_[static_cast<size_t>(fine * 3 + c)];
      }
      const int noise = static_cast<int>(stream.next_u32() >> 16) * (2 * grain + 1) / 65536 - grain;
      for (int64_t c = 0; c < 3; ++c) {
        const int mean = (sum[static_cast<size_t>(c)] + kArea / 2) / kArea;
        picture[static_cast<size_t>((row * size_ + column) * 3 + c)] = static_cast<uint8_t>(clamp_byte(mean + noise));
      }
    }
  }
  return picture;
}

}  // namespace infig::postcards
