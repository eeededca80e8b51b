#include "quality/picture_print.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <numbers>

#include "core/error.h"
#include "image/resize.h"

namespace infig {
namespace {

constexpr int64_t kSide = 32, kSmall = 16, kSigns = 128;
constexpr double kNothing = 16;       // a coefficient (sums of 1,024 values of 0..255) up to which there is no such wave in the picture
constexpr double kFlatDeviation = 2;  // of 255
constexpr double kMostAspect = 1.06, kLeastCorrelation = 0.9, kMostDifference = 20;
constexpr int kMostColour = 18;  // of halves

constexpr int64_t kCells = 8, kCellSide = kSide / kCells;

using Grey = std::array<double, kSide * kSide>;

Grey grey_of(const Image& small) {
  Grey grey{};
  for (size_t i = 0; i < grey.size(); ++i) {
    const uint8_t* pixel = small.pixels.data() + 3 * i;
    grey[i] = 0.299 * pixel[0] + 0.587 * pixel[1] + 0.114 * pixel[2];
  }
  return grey;
}

// Means of blue - luma and red - luma in 8 x 8 cells, halved so that they fit.
std::array<int8_t, 128> colour_of(const Image& small, const Grey& grey) {
  std::array<double, 128> sums{};
  for (int64_t y = 0; y < kSide; ++y) {
    for (int64_t x = 0; x < kSide; ++x) {
      const auto cell = static_cast<size_t>(2 * (y / kCellSide * kCells + x / kCellSide));
      const double luma = grey[static_cast<size_t>(y * kSide + x)];
      sums[cell] += small.at(x, y)[2] - luma;
      sums[cell + 1] += small.at(x, y)[0] - luma;
    }
  }
  std::array<int8_t, 128> colour{};
  for (size_t i = 0; i < sums.size(); ++i) colour[i] = static_cast<int8_t>(std::lround(sums[i] / (2.0 * kCellSide * kCellSide)));
  return colour;
}

// cos(pi (2x + 1) k / 2N)
const Grey& waves() {
  static const Grey kWaves = [] {
    Grey table{};
    for (int64_t k = 0; k < kSide; ++k) {
      for (int64_t x = 0; x < kSide; ++x)
        table[static_cast<size_t>(k * kSide + x)] = std::cos(std::numbers::pi * static_cast<double>((2 * x + 1) * k) / (2 * kSide));
    }
    return table;
  }();
  return kWaves;
}

// coefficient[u, v] for u, v < 16: u down, v across.
std::array<double, kSmall * kSmall> transform(const Grey& grey) {
  std::array<double, kSide * kSmall> rows{};
  std::array<double, kSmall * kSmall> result{};
  for (int64_t y = 0; y < kSide; ++y) {
    for (int64_t v = 0; v < kSmall; ++v) {
      double sum = 0;
      for (int64_t x = 0; x < kSide; ++x) sum += waves()[static_cast<size_t>(v * kSide + x)] * grey[static_cast<size_t>(y * kSide + x)];
      rows[static_cast<size_t>(y * kSmall + v)] = sum;
    }
  }
  for (int64_t u = 0; u < kSmall; ++u) {
    for (int64_t v = 0; v < kSmall; ++v) {
      double sum = 0;
      for (int64_t y = 0; y < kSide; ++y) sum += waves()[static_cast<size_t>(u * kSide + y)] * rows[static_cast<size_t>(y * kSmall + v)];
      result[static_cast<size_t>(u * kSmall + v)] = sum;
    }
  }
  return result;
}

double mean_of(const std::array<uint8_t, 256>& grey) {
  double sum = 0;
  for (const uint8_t value : grey) sum += value;
  return sum / 256;
}

}  // namespace

PicturePrint make_print(const Image& image) {
  if (image.width < 1 || image.height < 1) throw ShapeError("picture print: the picture is empty");
  const Image small = resize(image, kSide, kSide, Filter::kBilinear);
  const Grey grey = grey_of(small);
  PicturePrint print;
  print.colour = colour_of(small, grey);
  print.aspect = static_cast<float>(static_cast<double>(image.width) / static_cast<double>(image.height));
  const auto coefficients = transform(grey);
  int64_t bit = 0;
  for (int64_t sum = 1; sum < 2 * kSmall - 1 && bit < kSigns; ++sum) {
    for (int64_t u = std::max<int64_t>(0, sum - kSmall + 1); u <= std::min(sum, kSmall - 1) && bit < kSigns; ++u, ++bit) {
      if (coefficients[static_cast<size_t>(u * kSmall + sum - u)] > kNothing)
        print.signs[static_cast<size_t>(bit / 64)] |= uint64_t{1} << (bit % 64);
    }
  }
  for (int64_t y = 0; y < kSmall; ++y) {
    for (int64_t x = 0; x < kSmall; ++x) {
      const auto at = static_cast<size_t>(2 * y * kSide + 2 * x);
      print.grey[static_cast<size_t>(y * kSmall + x)] =
          static_cast<uint8_t>(std::lround((grey[at] + grey[at + 1] + grey[at + kSide] + grey[at + kSide + 1]) / 4));
    }
  }
  double squares = 0;
  const double mean = mean_of(print.grey);
  for (const uint8_t value : print.grey) squares += (value - mean) * (value - mean);
  print.flat = std::sqrt(squares / 256) < kFlatDeviation;
  return print;
}

int64_t sign_distance(const PicturePrint& a, const PicturePrint& b) {
  return std::popcount(a.signs[0] ^ b.signs[0]) + std::popcount(a.signs[1] ^ b.signs[1]);
}

std::optional<double> same_picture(const PicturePrint& a, const PicturePrint& b) {
  if (a.flat || b.flat || sign_distance(a, b) > kSamePictureSigns) return std::nullopt;
  const double aspect = a.aspect / b.aspect;
  if (aspect > kMostAspect || 1 / aspect > kMostAspect) return std::nullopt;
  for (size_t i = 0; i < a.colour.size(); ++i) {
    if (std::abs(a.colour[i] - b.colour[i]) > kMostColour) return std::nullopt;
  }
  const double mean_a = mean_of(a.grey), mean_b = mean_of(b.grey);
  double product = 0, squares_a = 0, squares_b = 0, difference = 0;
  for (size_t i = 0; i < a.grey.size(); ++i) {
    const double x = a.grey[i] - mean_a, y = b.grey[i] - mean_b;
    product += x * y;
    squares_a += x * x;
    squares_b += y * y;
    difference += std::abs(static_cast<double>(a.grey[i]) - b.grey[i]);
  }
  const double correlation = product / std::sqrt(squares_a * squares_b);
  if (!(correlation >= kLeastCorrelation) || difference / 256 > kMostDifference) return std::nullopt;
  return correlation;
}

}  // namespace infig
