#include "image/augment.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace infig {
namespace {

struct OpRange {
  const char* name;
  double low, high;
};

// In the order of AugmentOp.
constexpr OpRange kRanges[kAugmentOps] = {
    {"AutoContrast", 0, 1}, {"Equalize", 0, 1},       {"Invert", 0, 1},        {"Rotate", 0, 30},
    {"Posterize", 0, 4},    {"Solarize", 0, 256},     {"SolarizeAdd", 0, 110}, {"Color", 0.1, 1.9},
    {"Contrast", 0.1, 1.9}, {"Brightness", 0.1, 1.9}, {"Sharpness", 0.1, 1.9}, {"ShearX", 0, 0.3},
    {"ShearY", 0, 0.3},     {"Cutout", 0, 40},        {"TranslateX", 0, 100},  {"TranslateY", 0, 100},
};

using Histogram = std::array<int64_t, 256>;

std::array<Histogram, 3> histograms(const Image& image) {
  std::array<Histogram, 3> counts{};
  for (size_t i = 0; i < image.pixels.size(); i += 3) {
    for (size_t c = 0; c < 3; ++c) ++counts[c][image.pixels[i + c]];
  }
  return counts;
}

Image like(const Image& image) {
  return {.width = image.width, .height = image.height, .pixels = std::vector<uint8_t>(image.pixels.size())};
}

template <typename Function>
std::array<uint8_t, 256> tabulate(Function&& function) {
  std::array<uint8_t, 256> table{};
  for (int i = 0; i < 256; ++i) table[static_cast<size_t>(i)] = static_cast<uint8_t>(function(i));
  return table;
}

Image apply_one_table(const Image& image, const std::array<uint8_t, 256>& table) { return apply_table(image, {table, table, table}); }

// Pillow's luma: ITU-R 601-2 in 16-bit fixed point, rounded.
int luma(const uint8_t* pixel) { return (pixel[0] * 19595 + pixel[1] * 38470 + pixel[2] * 7471 + 0x8000) >> 16; }

// a + factor * (b - a) in single precision, rounded down; outside [0, 1] it extrapolates and is cut.
int blend(int a, int b, float factor) {
  const float mixed = static_cast<float>(a) + factor * static_cast<float>(b - a);
  return mixed <= 0.0F ? 0 : mixed >= 255.0F ? 255 : static_cast<int>(mixed);
}

// Weights 1 1 1 / 1 5 1 / 1 1 1 over 13, rounded; the border stays. 2 * sum is even and 13 odd, so a tie cannot occur.
Image smoothed(const Image& image) {
  Image out = image;
  if (image.width < 3 || image.height < 3) return out;
  const int64_t stride = image.width * 3;
  for (int64_t y = 1; y + 1 < image.height; ++y) {
    const uint8_t *above = image.at(0, y - 1), *row = image.at(0, y), *below = image.at(0, y + 1);
    uint8_t* target = out.at(0, y);
    for (int64_t i = 3; i < stride - 3; ++i) {
      const int sum =
          above[i - 3] + above[i] + above[i + 3] + row[i - 3] + 5 * row[i] + row[i + 3] + below[i - 3] + below[i] + below[i + 3];
      target[i] = static_cast<uint8_t>((2 * sum + 13) / 26);
    }
  }
  return out;
}

double rounded_to_15_digits(double value) { return std::round(value * 1e15) / 1e15; }

int64_t round_down(double value) { return value < 0 ? -1 : static_cast<int64_t>(value); }

// Pillow steps through the source in double precision when the axes stay parallel ...
Image affine_parallel(const Image& image, const std::array<double, 6>& m) {
  Image out = like(image);
  double source_y = m[5] + m[4] * 0.5;
  for (int64_t y = 0; y < image.height; ++y, source_y += m[4]) {
    const int64_t from_y = round_down(source_y);
    if (from_y < 0 || from_y >= image.height) continue;
    double source_x = m[2] + m[0] * 0.5;
    for (int64_t x = 0; x < image.width; ++x, source_x += m[0]) {
      const int64_t from_x = round_down(source_x);
      if (from_x >= 0 && from_x < image.width) std::memcpy(out.at(x, y), image.at(from_x, from_y), 3);
    }
  }
  return out;
}

// ... in 16.16 fixed point when every corner's source fits into it ...
Image affine_fixed(const Image& image, const std::array<double, 6>& m) {
  const auto fixed = [](double value) { return static_cast<int64_t>(std::floor(value * 65536.0 + 0.5)); };
  const int64_t step_xx = fixed(m[0]), step_xy = fixed(m[1]), step_yx = fixed(m[3]), step_yy = fixed(m[4]);
  int64_t start_x = fixed(m[2] + m[0] * 0.5 + m[1] * 0.5), start_y = fixed(m[5] + m[3] * 0.5 + m[4] * 0.5);
  Image out = like(image);
  for (int64_t y = 0; y < image.height; ++y, start_x += step_xy, start_y += step_yy) {
    int64_t source_x = start_x, source_y = start_y;
    uint8_t* target = out.at(0, y);
    for (int64_t x = 0; x < image.width; ++x, target += 3, source_x += step_xx, source_y += step_yx) {
      const int64_t from_x = source_x >> 16, from_y = source_y >> 16;
      if (from_x >= 0 && from_x < image.width && from_y >= 0 && from_y < image.height) std::memcpy(target, image.at(from_x, from_y), 3);
    }
  }
  return out;
}

// ... and in double precision beyond.
Image affine_general(const Image& image, const std::array<double, 6>& m) {
  double start_x = m[2] + m[1] * 0.5 + m[0] * 0.5, start_y = m[5] + m[4] * 0.5 + m[3] * 0.5;
  Image out = like(image);
  for (int64_t y = 0; y < image.height; ++y, start_x += m[1], start_y += m[4]) {
    double source_x = start_x, source_y = start_y;
    for (int64_t x = 0; x < image.width; ++x, source_x += m[0], source_y += m[3]) {
      const int64_t from_x = round_down(source_x), from_y = round_down(source_y);
      if (from_x >= 0 && from_x < image.width && from_y >= 0 && from_y < image.height)
        std::memcpy(out.at(x, y), image.at(from_x, from_y), 3);
    }
  }
  return out;
}

}  // namespace

const char* augment_name(AugmentOp op) { return kRanges[static_cast<size_t>(op)].name; }

double augment_value(AugmentOp op, int64_t magnitude) {
  const OpRange& range = kRanges[static_cast<size_t>(op)];
  return static_cast<double>(magnitude) / static_cast<double>(kMaxMagnitude) * (range.high - range.low) + range.low;
}

Image apply_table(const Image& image, const ChannelTable& table) {
  Image out = like(image);
  for (size_t i = 0; i < image.pixels.size(); i += 3) {
    out.pixels[i] = table[0][image.pixels[i]];
    out.pixels[i + 1] = table[1][image.pixels[i + 1]];
    out.pixels[i + 2] = table[2][image.pixels[i + 2]];
  }
  return out;
}

Image auto_contrast(const Image& image) {
  const auto counts = histograms(image);
  ChannelTable table;
  for (size_t c = 0; c < 3; ++c) {
    int low = 0, high = 255;
    while (low < 255 && counts[c][static_cast<size_t>(low)] == 0) ++low;
    while (high > 0 && counts[c][static_cast<size_t>(high)] == 0) --high;
    const double scale = high > low ? 255.0 / (high - low) : 1.0, offset = high > low ? -low * scale : 0.0;
    table[c] = tabulate([&](int i) { return std::clamp(static_cast<int>(i * scale + offset), 0, 255); });
  }
  return apply_table(image, table);
}

Image equalize(const Image& image) {
  const auto counts = histograms(image);
  const auto pixels = static_cast<int64_t>(image.pixels.size() / 3);
  ChannelTable table;
  for (size_t c = 0; c < 3; ++c) {
    size_t last = 255;
    while (last > 0 && counts[c][last] == 0) --last;
    const int64_t step = (pixels - counts[c][last]) / 255;  // also 0 where a channel has one value only
    int64_t sum = step / 2;
    table[c] = tabulate([&](int i) {
      if (step == 0) return i;
      const auto value = static_cast<int>(std::min<int64_t>(sum / step, 255));
      sum += counts[c][static_cast<size_t>(i)];
      return value;
    });
  }
  return apply_table(image, table);
}

Image invert(const Image& image) {
  return apply_one_table(image, tabulate([](int i) { return 255 - i; }));
}

Image posterize(const Image& image, int bits) {
  const int mask = ~((1 << (8 - bits)) - 1);
  return apply_one_table(image, tabulate([&](int i) { return i & mask; }));
}

Image solarize(const Image& image, double threshold) {
  return apply_one_table(image, tabulate([&](int i) { return i < threshold ? i : 255 - i; }));
}

Image solarize_add(const Image& image, double addition) {
  return apply_one_table(image, tabulate([&](int i) {
                           const int sum = static_cast<int>(std::clamp(i + addition, 0.0, 255.0));
                           return sum < 128 ? sum : 255 - sum;
                         }));
}

Image adjust_color(const Image& image, double factor) {
  Image out = like(image);
  const auto amount = static_cast<float>(factor);
  for (size_t i = 0; i < image.pixels.size(); i += 3) {
    const int grey = luma(image.pixels.data() + i);
    for (size_t c = 0; c < 3; ++c) out.pixels[i + c] = static_cast<uint8_t>(blend(grey, image.pixels[i + c], amount));
  }
  return out;
}

Image adjust_contrast(const Image& image, double factor) {
  int64_t sum = 0;
  for (size_t i = 0; i < image.pixels.size(); i += 3) sum += luma(image.pixels.data() + i);
  const int mean = static_cast<int>(static_cast<double>(sum) / static_cast<double>(image.pixels.size() / 3) + 0.5);
  return apply_one_table(image, tabulate([&](int i) { return blend(mean, i, static_cast<float>(factor)); }));
}

Image adjust_brightness(const Image& image, double factor) {
  return apply_one_table(image, tabulate([&](int i) { return blend(0, i, static_cast<float>(factor)); }));
}

Image adjust_sharpness(const Image& image, double factor) {
  Image out = smoothed(image);
  const auto amount = static_cast<float>(factor);
  for (size_t i = 0; i < image.pixels.size(); ++i) out.pixels[i] = static_cast<uint8_t>(blend(out.pixels[i], image.pixels[i], amount));
  return out;
}

Image cutout(const Image& image, double center_x, double center_y, double size) {
  Image out = image;
  const auto left = static_cast<int64_t>(std::max(0.0, center_x - size / 2)),
             top = static_cast<int64_t>(std::max(0.0, center_y - size / 2));
  // The rectangle includes its last row and column; its far corner is measured from the rounded near one.
  const auto right = std::min(static_cast<int64_t>(static_cast<double>(left) + size), image.width - 1);
  const auto bottom = std::min(static_cast<int64_t>(static_cast<double>(top) + size), image.height - 1);
  constexpr uint8_t kGrey[] = {125, 123, 114};
  for (int64_t y = top; y <= bottom; ++y) {
    for (int64_t x = left; x <= right; ++x) std::memcpy(out.at(x, y), kGrey, 3);
  }
  return out;
}

Image affine(const Image& image, const std::array<double, 6>& m) {
  if (m[1] == 0 && m[3] == 0) return affine_parallel(image, m);
  const auto width = static_cast<double>(image.width), height = static_cast<double>(image.height);
  const auto fits = [&](double x, double y) {
    return std::abs(x * m[0] + y * m[1] + m[2]) < 32768.0 && std::abs(x * m[3] + y * m[4] + m[5]) < 32768.0;
  };
  const bool all = fits(0, 0) && fits(width, height) && fits(0, height) && fits(width, 0);
  return all ? affine_fixed(image, m) : affine_general(image, m);
}

Image rotate(const Image& image, double degrees) {
  if (std::fmod(degrees, 360.0) == 0) return image;
  constexpr double kPi = 3.14159265358979323846;
  const double turn = degrees < 0 ? degrees + 360.0 : degrees;  // as Pillow, whose angle lies in [0, 360)
  const double angle = -(turn * (kPi / 180.0));
  const double cosine = rounded_to_15_digits(std::cos(angle)), sine = rounded_to_15_digits(std::sin(angle));
  const double x = static_cast<double>(image.width) / 2, y = static_cast<double>(image.height) / 2;
  return affine(image, {cosine, sine, cosine * -x + sine * -y + x, -sine, cosine, -sine * -x + cosine * -y + y});
}

Image shear_x(const Image& image, double amount) { return affine(image, {1, amount, 0, 0, 1, 0}); }
Image shear_y(const Image& image, double amount) { return affine(image, {1, 0, 0, amount, 1, 0}); }
Image translate_x(const Image& image, double pixels) { return affine(image, {1, 0, pixels, 0, 1, 0}); }
Image translate_y(const Image& image, double pixels) { return affine(image, {1, 0, 0, 0, 1, pixels}); }

Image apply_augment(AugmentOp op, const Image& image, double value, RandomStream& stream) {
  const auto signed_value = [&] { return stream.chance(0.5) ? -value : value; };
  switch (op) {
    case AugmentOp::kAutoContrast:
      return auto_contrast(image);
    case AugmentOp::kEqualize:
      return equalize(image);
    case AugmentOp::kInvert:
      return invert(image);
    case AugmentOp::kRotate:
      return rotate(image, signed_value());
    case AugmentOp::kPosterize:
      return posterize(image, std::max(1, static_cast<int>(value)));
    case AugmentOp::kSolarize:
      return solarize(image, value);
    case AugmentOp::kSolarizeAdd:
      return solarize_add(image, value);
    case AugmentOp::kColor:
      return adjust_color(image, value);
    case AugmentOp::kContrast:
      return adjust_contrast(image, value);
    case AugmentOp::kBrightness:
      return adjust_brightness(image, value);
    case AugmentOp::kSharpness:
      return adjust_sharpness(image, value);
    case AugmentOp::kShearX:
      return shear_x(image, signed_value());
    case AugmentOp::kShearY:
      return shear_y(image, signed_value());
    case AugmentOp::kCutout: {
      const double x = stream.uniform(0, static_cast<double>(image.width));
      const double y = stream.uniform(0, static_cast<double>(image.height));
      return cutout(image, x, y, value);
    }
    case AugmentOp::kTranslateX:
      return translate_x(image, signed_value());
    case AugmentOp::kTranslateY:
      return translate_y(image, signed_value());
  }
  return image;
}

Image rand_augment(const Image& image, int64_t ops, int64_t magnitude, RandomStream& stream) {
  Image out = image;
  for (int64_t i = 0; i < ops; ++i) {
    const auto op = static_cast<AugmentOp>(stream.below(static_cast<uint64_t>(kAugmentOps)));
    out = apply_augment(op, out, augment_value(op, magnitude), stream);
  }
  return out;
}

}  // namespace infig
