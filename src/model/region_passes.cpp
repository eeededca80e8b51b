#include "model/region_passes.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/error.h"
#include "core/parallel.h"
#include "image/resize.h"

namespace infig {
namespace {

// Regions in memory at a time: of ResNet-50 at 256 pixels some 0.2 GB on a CPU. A GPU needs many to be busy.
constexpr int64_t kRegionsOnCpu = 14, kRegionsOnGpu = 196;

// The byte that normalize_image() made `value` of.
long byte_of(float value, double mean, double deviation) { return std::lround((static_cast<double>(value) * deviation + mean) * 255.0); }

Image region_of(const Image& whole, int64_t top, int64_t left) {
  Image region = make_image(kRegionSide, kRegionSide, 0, 0, 0);
  for (int64_t y = 0; y < kRegionSide; ++y) std::copy_n(whole.at(left, top + y), kRegionSide * 3, region.at(0, y));
  return region;
}

}  // namespace

RegionPasses::RegionPasses(ImageBackbone& backbone, const ImageOptions& pixels, int64_t size)
    : backbone_(backbone), pixels_(pixels), side_(pixels.size / kRegionSide), size_(size) {
  if (side_ == 0 || pixels.size % kRegionSide != 0) {
    throw ConfigError(
        fmt::format("image.size: {} pixels cannot be cut into regions of {}; choose a multiple of it (448 gives 14 x 14), or set "
                    "image.regions=grid",
                    pixels.size, kRegionSide));
  }
  Image every = make_image(256, 1, 0, 0, 0);
  for (int i = 0; i < 256; ++i) std::fill_n(every.at(i, 0), 3, static_cast<uint8_t>(i));
  std::vector<float> normalised(256 * 3);
  normalize_image(every, pixels_, normalised.data());
  for (size_t i = 0; i < normalised.size(); ++i) {
    if (byte_of(normalised[i], pixels_.mean[i % 3], pixels_.std[i % 3]) == static_cast<long>(i / 3)) continue;
    throw ConfigError(
        "image.mean, image.std: are so large or so small that pixels cannot be had back from what the network sees, which "
        "image.regions=passes needs; set values of the order of 1");
  }
}

Image RegionPasses::picture(const at::Tensor& pixel_values) const {
  const at::Tensor values = pixel_values.to(at::kCPU, at::kFloat).permute({1, 2, 0}).contiguous();
  const float* value = values.const_data_ptr<float>();
  Image whole = make_image(pixels_.size, pixels_.size, 0, 0, 0);
  for (size_t i = 0; i < whole.pixels.size(); ++i)
    whole.pixels[i] = static_cast<uint8_t>(std::clamp(byte_of(value[i], pixels_.mean[i % 3], pixels_.std[i % 3]), 0L, 255L));
  return whole;
}

// [g g, c], row by row.
at::Tensor RegionPasses::of_picture(const Image& whole, const at::Device& device) const {
  const int64_t all = side_ * side_, at_once = device.is_cuda() ? kRegionsOnGpu : kRegionsOnCpu;
  std::vector<at::Tensor> found;
  for (int64_t first = 0; first < all; first += at_once) {
    const int64_t count = std::min(at_once, all - first);
    const at::Tensor seen = at::empty({count, size_, size_, 3}, at::kFloat);
    float* out = seen.data_ptr<float>();
    parallel_for(count, at::get_num_threads(), [&](int64_t i) {
      const int64_t row = (first + i) / side_, column = (first + i) % side_;
      const Image region = resize(region_of(whole, row * kRegionSide, column * kRegionSide), size_, size_, pixels_.filter);
      normalize_image(region, pixels_, out + i * size_ * size_ * 3);
    });
    found.push_back(backbone_.pooled(backbone_.features(seen.permute({0, 3, 1, 2}).to(device), false)).to(at::kFloat));
  }
  return at::cat(found);
}

at::Tensor RegionPasses::features(const at::Tensor& pixel_values, const at::Tensor& there) const {
  const at::NoGradGuard no_grad;
  if (pixel_values.dim() != 4 || pixel_values.size(1) != 3 || pixel_values.size(2) != pixels_.size ||
      pixel_values.size(3) != pixels_.size || there.dim() != 1 || there.size(0) != pixel_values.size(0)) {
    throw ShapeError(fmt::format("regions of pictures: expected pixel_values [B, 3, {0}, {0}] and there [B], found {1} and {2}",
                                 pixels_.size, fmt::join(pixel_values.sizes(), " x "), fmt::join(there.sizes(), " x ")));
  }
  const at::Device device = backbone_.parameters().front().device();
  const at::Tensor usable = there.to(at::kCPU);
  const int64_t posts = pixel_values.size(0);
  const at::Tensor found =
      at::zeros({posts, side_ * side_, backbone_.feature_size()}, at::TensorOptions().dtype(at::kFloat).device(device));
  for (int64_t post = 0; post < posts; ++post) {
    if (usable[post].item<bool>()) found[post].copy_(of_picture(picture(pixel_values[post]), device));
  }
  return found.view({posts, side_, side_, found.size(2)}).permute({0, 3, 1, 2});
}

}  // namespace infig
