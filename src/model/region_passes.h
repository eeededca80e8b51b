// Regions of a picture, each put through an image network by itself, as MMSD reads pictures (Cai, Cai, Wan, ACL 2019; the port
// ZLJ2015106/pytorch-multimodal_sarcasm_detection, ImageFeatureDataGenerator.py): a picture of S x S pixels is cut into g x g regions of
// 32 x 32 pixels, g = S / 32 (14 of 448); each is resized to r x r (256 there, bilinear, as Pillow does it on bytes) and normalised; of
// the network's grid the mean is kept:
//   region_ij = mean of network(normalise(resize(picture[32 i .. 32 i + 31, 32 j .. 32 j + 31], r)))     [c]
#pragma once

#include <torch/types.h>

#include <cstdint>

#include "encoders/image_backbone.h"
#include "image/transform.h"

namespace infig {

inline constexpr int64_t kRegionSide = 32;  // pixels a side of a region

class RegionPasses {
 public:
  // `pixels`: how the pictures given to features() were made; image.size is a multiple of 32. `size`: r, pixels a side that the network
  // sees of a region, resized with image.filter. `backbone` must outlive it. Throws ConfigError where image.size is no such multiple, and
  // where image.mean and image.std are such that the bytes of a picture cannot be had back from its normalised pixels.
  RegionPasses(ImageBackbone& backbone, const ImageOptions& pixels, int64_t size);

  // pixel_values [B, 3, S, S] float, there [B] bool, on any device -> [B, c, g, g] float on the backbone's, channels-last in memory; zeros
  // where there is no picture. A few regions are in memory at a time. Without gradients; running statistics.
  at::Tensor features(const at::Tensor& pixel_values, const at::Tensor& there) const;

 private:
  Image picture(const at::Tensor& pixel_values) const;
  at::Tensor of_picture(const Image& whole, const at::Device& device) const;

  ImageBackbone& backbone_;
  ImageOptions pixels_;
  int64_t side_, size_;  // g, r
};

}  // namespace infig
