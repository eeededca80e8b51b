// A convolution with BatchNorm in training, against sums written out in double precision.
#include "encoders/convolution_norm.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "reference/tensors.h"

namespace infig {
namespace {

// d loss / d weight_oc of y_o(i, j) = sum_c weight_oc x_c(s i, s j): sum over pictures and pixels of gradient_o(i, j) x_c(s i, s j).
at::Tensor gradient_of_weight(const at::Tensor& x, const at::Tensor& gradient, int64_t stride) {
  const at::Tensor from = x.detach().to(at::kDouble).contiguous(), upstream = gradient.to(at::kDouble).contiguous();
  at::Tensor sum = at::zeros({gradient.size(1), x.size(1)}, at::kDouble);
  const auto in = from.accessor<double, 4>(), up = upstream.accessor<double, 4>();
  auto out = sum.accessor<double, 2>();
  for (int64_t n = 0; n < up.size(0); ++n) {
    for (int64_t o = 0; o < up.size(1); ++o) {
      for (int64_t c = 0; c < in.size(1); ++c) {
        for (int64_t i = 0; i < up.size(2); ++i) {
          for (int64_t j = 0; j < up.size(3); ++j) out[o][c] += up[n][o][i][j] * in[n][c][stride * i][stride * j];
        }
      }
    }
  }
  return sum;
}

// Channels on both sides of the blocks of oneDNN, whose own gradient with a stride is wrong below them.
TEST(ConvolutionNorm, GradientsOfOneByOneConvolutionsWithAStride) {
  at::manual_seed(3);
  for (const int64_t stride : {1, 2, 3}) {
    for (const int64_t channels : {1, 3, 4, 7, 8, 12, 15, 16, 24}) {
      ConvolutionNorm layer({.in_channels = channels, .out_channels = 8, .kernel = 1, .stride = stride});
      const at::Tensor x = at::randn({5, channels, 9, 7}).contiguous(at::MemoryFormat::ChannelsLast).requires_grad_();
      const at::Tensor y = layer.forward(x, false);  // running statistics of a new layer: mean 0, variance 1
      ASSERT_EQ(y.sizes(), at::IntArrayRef({5, 8, (9 + stride - 1) / stride, (7 + stride - 1) / stride}));
      const at::Tensor upstream = at::randn_like(y);
      y.backward(upstream);
      const at::Tensor expected = gradient_of_weight(x, upstream, stride) / std::sqrt(1 + 1e-5);
      EXPECT_TRUE(reference::close(layer.convolution()->weight.grad().flatten(1), expected.to(at::kFloat), 1e-5))
          << stride << " " << channels;
      at::Tensor of_pixels = at::zeros_like(x.detach());
      of_pixels.slice(2, 0, std::nullopt, stride)
          .slice(3, 0, std::nullopt, stride)
          .copy_(at::einsum("nohw,oc->nchw", {upstream, layer.convolution()->weight.detach().flatten(1)}) / std::sqrt(1 + 1e-5));
      EXPECT_TRUE(reference::close(x.grad().contiguous(), of_pixels.contiguous(), 1e-5)) << stride << " " << channels;
    }
  }
}

}  // namespace
}  // namespace infig
