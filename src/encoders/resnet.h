// ResNet (He et al. 2016), basic and bottleneck blocks, parameter names as torchvision's (conv1.weight, layer1.0.bn1.running_mean, ...),
// without the classifier. Channels-last.
#pragma once

#include <vector>

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

namespace infig {

struct ResNetOptions {
  bool bottleneck = true;                             // blocks of 1x1, 3x3, 1x1 (expansion 4) instead of two 3x3
  std::vector<int64_t> layers = {3, 4, 6, 3};         // blocks in each of the four stages
  std::vector<int64_t> widths = {64, 128, 256, 512};  // channels of each stage before expansion
  int64_t stem_kernel = 7;                            // odd; padding kernel / 2
  int64_t stem_stride = 2;
  int64_t stem_width = 64;                            // channels of the stem
  bool stem_pool = true;                              // 3x3 max pooling of stride 2 after the stem
  int64_t feature_size() const { return widths.back() * (bottleneck ? 4 : 1); }
  int64_t stride() const { return stem_stride * (stem_pool ? 2 : 1) * 8; }  // pixels a grid cell, a side
  void validate() const;                              // throws ConfigError
};

class ResNetImpl : public torch::nn::Module {
 public:
  explicit ResNetImpl(const ResNetOptions& options);
  // pixel_values [B, 3, S, S] float (channels-last preferred). batch_statistics: BatchNorm in training mode (statistics of the batch,
  // running ones updated); otherwise the running statistics are used. Returns the feature map [B, c, S/stride, S/stride].
  at::Tensor forward(const at::Tensor& pixel_values, bool batch_statistics);
  // The feature map after the stem and after each stage, for tests.
  std::vector<at::Tensor> forward_all(const at::Tensor& pixel_values, bool batch_statistics);
  const ResNetOptions& options() const { return options_; }

 private:
  ResNetOptions options_;
  // (members)
};
TORCH_MODULE(ResNet);

}  // namespace infig
