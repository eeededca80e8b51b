#include "image/resize.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <numbers>

#include "core/error.h"

namespace infig {
namespace {

// The part of the resized picture that is wanted, of a picture that would be full_width x full_height.
struct Target {
  int64_t full_width, full_height;
  int64_t x, y, width, height;
};

// Weights along one axis for the wanted outputs only.
struct AxisWeights {
  int64_t taps = 0;                   // entries a window has room for
  std::vector<int32_t> first;         // [outputs] first source index
  std::vector<int32_t> coefficients;  // [outputs, taps], zero behind a shorter window
};

double sinc(double t) { return t == 0 ? 1 : std::sin(t * std::numbers::pi) / (t * std::numbers::pi); }

double filter_value(Filter filter, double t) {
  if (filter == Filter::kBox) return t > -0.5 && t <= 0.5 ? 1 : 0;
  t = std::abs(t);
  if (filter == Filter::kBilinear) return t < 1 ? 1 - t : 0;
  // Pillow's factors are single precision.
  if (filter == Filter::kHamming) return t < 1 ? sinc(t) * (double{0.54F} + double{0.46F} * std::cos(t * std::numbers::pi)) : 0;
  if (filter == Filter::kLanczos) return t < 3 ? sinc(t) * sinc(t / 3) : 0;
  constexpr double kA = -0.5;
  if (t < 1) return ((kA + 2) * t - (kA + 3)) * t * t + 1;
  if (t < 2) return (((t - 5) * t + 8) * t - 4) * kA;
  return 0;
}

// Of one source pixel on either side of a centre, before the filter widens.
double support_of(Filter filter) {
  switch (filter) {
    case Filter::kBox:
      return 0.5;
    case Filter::kBicubic:
      return 2;
    case Filter::kLanczos:
      return 3;
    default:
      return 1;
  }
}

int32_t fixed_point(double weight) {
  const double scaled = weight * (1 << kResampleBits);
  return static_cast<int32_t>(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
}

AxisWeights axis_weights(int64_t in_size, int64_t full_out, int64_t offset, int64_t outputs, Filter filter) {
  const double scale = static_cast<double>(in_size) / static_cast<double>(full_out);
  const double filter_scale = std::max(scale, 1.0);
  const double inverse = 1.0 / filter_scale;
  const double support = support_of(filter) * filter_scale;
  const auto center = [&](int64_t x) { return (static_cast<double>(offset + x) + 0.5) * scale; };
  const auto low = [&](int64_t x) { return std::max<int64_t>(static_cast<int64_t>(center(x) - support + 0.5), 0); };
  const auto high = [&](int64_t x) { return std::min(static_cast<int64_t>(center(x) + support + 0.5), in_size); };
  AxisWeights axis;
  for (int64_t x = 0; x < outputs; ++x) axis.taps = std::max(axis.taps, high(x) - low(x));
  axis.coefficients.assign(static_cast<size_t>(outputs * axis.taps), 0);
  axis.first.reserve(static_cast<size_t>(outputs));
  std::vector<double> weights(static_cast<size_t>(axis.taps));
  for (int64_t x = 0; x < outputs; ++x) {
    const int64_t begin = low(x), count = high(x) - begin;
    double sum = 0;
    for (int64_t i = 0; i < count; ++i) {
      const double weight = filter_value(filter, (static_cast<double>(begin + i) - center(x) + 0.5) * inverse);
      weights[static_cast<size_t>(i)] = weight;
      sum += weight;
    }
    axis.first.push_back(static_cast<int32_t>(begin));
    int32_t* out = axis.coefficients.data() + x * axis.taps;
    for (int64_t i = 0; i < count; ++i)
      out[i] = fixed_point(sum != 0 ? weights[static_cast<size_t>(i)] / sum : weights[static_cast<size_t>(i)]);
  }
  return axis;
}

// Each coefficient four times (once a channel), windows padded to whole groups of four pixels: what the horizontal kernel reads.
std::vector<int32_t> spread_to_channels(const AxisWeights& axis, int64_t groups) {
  const auto outputs = static_cast<int64_t>(axis.first.size());
  std::vector<int32_t> spread(static_cast<size_t>(outputs * groups * kPixelGroup * 4), 0);
  for (int64_t x = 0; x < outputs; ++x) {
    int32_t* out = spread.data() + x * groups * kPixelGroup * 4;
    for (int64_t k = 0; k < axis.taps; ++k) {
      const int32_t value = axis.coefficients[static_cast<size_t>(x * axis.taps + k)];
      for (int64_t c = 0; c < 4; ++c) out[k * 4 + c] = value;
    }
  }
  return spread;
}

// Source entries that any window of the axis touches: [begin, end).
struct Extent {
  int64_t begin, end;
};
Extent extent_of(const AxisWeights& axis, int64_t in_size) {
  return {axis.first.front(), std::min<int64_t>(axis.first.back() + axis.taps, in_size)};
}

// `source` is the first row at column columns.begin. Writes rows of packed pixels; the buffer has one byte of slack.
void horizontal_pass(const uint8_t* source, int64_t stride, int64_t rows, const AxisWeights& axis, Extent columns, uint8_t* out,
                     const ResampleKernels& kernels) {
  const auto outputs = static_cast<int64_t>(axis.first.size());
  const int64_t groups = (axis.taps + kPixelGroup - 1) / kPixelGroup, count = columns.end - columns.begin;
  const std::vector<int32_t> coefficients = spread_to_channels(axis, groups);
  std::vector<int32_t> first(axis.first);
  for (auto& index : first) index -= static_cast<int32_t>(columns.begin);
  // Pixels are padded to four bytes first, so that one load takes whole pixels.
  std::vector<uint8_t> padded(static_cast<size_t>((count + (groups + 1) * kPixelGroup) * 4), 0);
  for (int64_t y = 0; y < rows; ++y, source += stride) {
    for (int64_t x = 0; x + 1 < count; ++x) std::memcpy(padded.data() + x * 4, source + x * 3, 4);
    std::memcpy(padded.data() + (count - 1) * 4, source + (count - 1) * 3, 3);
    kernels.horizontal(padded.data(), first.data(), coefficients.data(), groups, outputs, out + y * outputs * 3);
  }
}

// `source` is row rows.begin. Writes axis.first.size() rows of `bytes`.
void vertical_pass(const uint8_t* source, int64_t stride, const AxisWeights& axis, Extent rows, int64_t bytes, uint8_t* out,
                   const ResampleKernels& kernels) {
  for (size_t y = 0; y < axis.first.size(); ++y, out += bytes) {
    const int64_t first = axis.first[y];
    const int64_t taps = std::min(axis.taps, rows.end - first);  // what lies beyond has coefficient 0 and no row
    kernels.vertical(source + (first - rows.begin) * stride, stride, axis.coefficients.data() + static_cast<int64_t>(y) * axis.taps, taps,
                     bytes, out);
  }
}

Image copy_rectangle(const Image& image, int64_t x, int64_t y, int64_t width, int64_t height) {
  Image out{.width = width, .height = height, .pixels = std::vector<uint8_t>(static_cast<size_t>(width * height * 3))};
  for (int64_t row = 0; row < height; ++row) std::memcpy(out.at(0, row), image.at(x, y + row), static_cast<size_t>(width * 3));
  return out;
}

// As Pillow: the source position is summed up step by step in double precision, then rounded down.
std::vector<int64_t> nearest_positions(int64_t in_size, int64_t full_out, int64_t offset, int64_t outputs) {
  const double step = static_cast<double>(in_size) / static_cast<double>(full_out);
  double position = step * 0.5;
  std::vector<int64_t> found;
  found.reserve(static_cast<size_t>(outputs));
  for (int64_t x = 0; x < offset + outputs; ++x) {
    if (x >= offset) found.push_back(std::min(static_cast<int64_t>(position), in_size - 1));
    position += step;
  }
  return found;
}

Image resample_nearest(const Image& image, const Target& target) {
  const auto columns = nearest_positions(image.width, target.full_width, target.x, target.width);
  const auto rows = nearest_positions(image.height, target.full_height, target.y, target.height);
  Image out{.width = target.width, .height = target.height, .pixels = {}};
  out.pixels.resize(static_cast<size_t>(target.width * target.height * 3));
  for (int64_t y = 0; y < target.height; ++y) {
    const uint8_t* source = image.at(0, rows[static_cast<size_t>(y)]);
    uint8_t* pixel = out.at(0, y);
    for (const int64_t column : columns) {
      std::memcpy(pixel, source + column * 3, 3);
      pixel += 3;
    }
  }
  return out;
}

// Pillow's order, which shows in the rounding between the passes: rows first where they shrink by over twice as much as the columns.
bool vertical_first(const Image& image, const Target& target) {
  const int64_t fewer_rows = image.height - target.full_height, fewer_columns = image.width - target.full_width;
  return fewer_rows > 0 && fewer_rows > 2 * fewer_columns;
}

Image resample(const Image& image, const Target& target, Filter filter, const ResampleKernels& kernels) {
  const bool horizontal = target.full_width != image.width;
  const bool vertical = target.full_height != image.height;
  if (!horizontal && !vertical) return copy_rectangle(image, target.x, target.y, target.width, target.height);
  if (filter == Filter::kNearest) return resample_nearest(image, target);

  AxisWeights x_axis, y_axis;
  Extent columns{target.x, target.x + target.width}, rows{target.y, target.y + target.height};
  if (horizontal) {
    x_axis = axis_weights(image.width, target.full_width, target.x, target.width, filter);
    columns = extent_of(x_axis, image.width);
  }
  if (vertical) {
    y_axis = axis_weights(image.height, target.full_height, target.y, target.height, filter);
    rows = extent_of(y_axis, image.height);
  }
  const uint8_t* source = image.at(columns.begin, rows.begin);
  const int64_t stride = image.width * 3, row_count = rows.end - rows.begin, column_bytes = (columns.end - columns.begin) * 3;
  Image out{.width = target.width, .height = target.height, .pixels = {}};
  const auto out_bytes = static_cast<size_t>(target.width * target.height * 3);
  out.pixels.resize(out_bytes + 1);  // the horizontal pass writes one byte too far
  if (!horizontal) {
    vertical_pass(source, stride, y_axis, rows, column_bytes, out.pixels.data(), kernels);
  } else if (!vertical) {
    horizontal_pass(source, stride, row_count, x_axis, columns, out.pixels.data(), kernels);
  } else if (vertical_first(image, target)) {
    const auto between = std::make_unique_for_overwrite<uint8_t[]>(static_cast<size_t>(target.height * column_bytes));
    vertical_pass(source, stride, y_axis, rows, column_bytes, between.get(), kernels);
    horizontal_pass(between.get(), column_bytes, target.height, x_axis, columns, out.pixels.data(), kernels);
  } else {
    const auto between = std::make_unique_for_overwrite<uint8_t[]>(static_cast<size_t>(row_count * target.width * 3 + 1));
    horizontal_pass(source, stride, row_count, x_axis, columns, between.get(), kernels);
    vertical_pass(between.get(), target.width * 3, y_axis, rows, target.width * 3, out.pixels.data(), kernels);
  }
  out.pixels.resize(out_bytes);
  return out;
}

void require_picture(const Image& image, const char* what) {
  if (image.width >= 1 && image.height >= 1) return;
  throw ShapeError(fmt::format("{}: the picture is {} x {}, expected at least 1 x 1; check ImageStatus before using a picture", what,
                               image.width, image.height));
}

// (size - crop) / 2, its half a pixel as `rounding` says.
int64_t crop_offset(int64_t size, int64_t crop, CropRounding rounding) {
  const int64_t twice = size - crop, down = twice / 2;
  return rounding == CropRounding::kEven && twice % 2 != 0 ? down + down % 2 : down;
}

std::pair<int64_t, int64_t> shorter_side_sizes(const Image& image, int64_t side) {
  if (image.width <= image.height) return {side, side * image.height / image.width};
  return {side * image.width / image.height, side};
}

// As Python's round() of the shorter side divided by the ratio of the longer one.
std::pair<int64_t, int64_t> longer_side_sizes(const Image& image, int64_t side) {
  const auto width = static_cast<double>(image.width), height = static_cast<double>(image.height);
  const double ratio = std::max(width, height) / static_cast<double>(side);
  const auto rounded = [&](double length) { return std::max<int64_t>(1, std::llrint(length / ratio)); };
  return {rounded(width), rounded(height)};
}

}  // namespace

Image resize(const Image& image, int64_t width, int64_t height, Filter filter, const ResampleKernels& kernels) {
  require_picture(image, "resize");
  if (width < 1 || height < 1) throw ShapeError(fmt::format("resize: asked for {} x {}, expected at least 1 x 1", width, height));
  return resample(image, {width, height, 0, 0, width, height}, filter, kernels);
}

Image resize(const Image& image, int64_t width, int64_t height, Filter filter) {
  return resize(image, width, height, filter, resample_kernels());
}

Image resize_shorter(const Image& image, int64_t side, Filter filter) {
  require_picture(image, "resize_shorter");
  const auto [width, height] = shorter_side_sizes(image, side);
  return resize(image, width, height, filter);
}

Image center_crop(const Image& image, int64_t width, int64_t height, CropRounding rounding) {
  if (width < 1 || height < 1 || width > image.width || height > image.height) {
    throw ShapeError(fmt::format("center_crop: {} x {} of a {} x {} picture; resize it to at least the crop first", width, height,
                                 image.width, image.height));
  }
  return copy_rectangle(image, crop_offset(image.width, width, rounding), crop_offset(image.height, height, rounding), width, height);
}

Image frame_picture(const Image& image, const Framing& framing) {
  require_picture(image, "frame_picture");
  const int64_t side = framing.resize, size = framing.size;
  if (size < 1 || size > side) {
    throw ShapeError(fmt::format("frame_picture: a crop of {0} x {0} of a picture resized to {1}; the crop must be 1 .. {1}", size, side));
  }
  std::pair<int64_t, int64_t> full = {side, side};
  if (framing.mode == ResizeMode::kShortest) full = shorter_side_sizes(image, side);
  if (framing.mode == ResizeMode::kLongest) full = longer_side_sizes(image, side);
  const auto [width, height] = full;
  const Target target = {.full_width = width,
                         .full_height = height,
                         .x = width > size ? crop_offset(width, size, framing.rounding) : 0,
                         .y = height > size ? crop_offset(height, size, framing.rounding) : 0,
                         .width = std::min(width, size),
                         .height = std::min(height, size)};
  Image middle = resample(image, target, framing.filter, resample_kernels());
  if (middle.width == size && middle.height == size) return middle;
  Image out = make_image(size, size, framing.fill[0], framing.fill[1], framing.fill[2]);
  const int64_t left = (size - middle.width) / 2, top = (size - middle.height) / 2;
  for (int64_t y = 0; y < middle.height; ++y) std::memcpy(out.at(left, top + y), middle.at(0, y), static_cast<size_t>(middle.width * 3));
  return out;
}

Image resize_center_crop(const Image& image, int64_t side, int64_t crop, Filter filter) {
  return frame_picture(image, {.resize = side, .size = crop, .filter = filter});
}

Image flip_horizontal(const Image& image) {
  Image out{.width = image.width, .height = image.height, .pixels = std::vector<uint8_t>(image.pixels.size())};
  for (int64_t y = 0; y < image.height; ++y) {
    const uint8_t* source = image.at(0, y);
    uint8_t* target = out.at(0, y) + (image.width - 1) * 3;
    for (int64_t x = 0; x < image.width; ++x, source += 3, target -= 3) std::memcpy(target, source, 3);
  }
  return out;
}

}  // namespace infig
