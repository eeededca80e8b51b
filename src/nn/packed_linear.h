// Linear layers for inference: weights are packed once for the matrix product, layers with the same input are joined into one product, and
// the operation after a product (activation, sum) is fused with it.
#pragma once

#include <torch/nn/modules/linear.h>
#include <torch/types.h>

#include <memory>
#include <vector>

#include "nn/activation.h"

namespace infig {

// y = x [W_1; W_2; ...]^T + [b_1; b_2; ...]: the outputs of all parts side by side; all have a bias or none. The packed copy takes as much
// memory as the weights. It is made at the first use and again when a weight has changed. Thread-safe as long as no weight changes.
class PackedLinear {
 public:
  PackedLinear() = default;
  explicit PackedLinear(std::vector<torch::nn::Linear> parts);

  // Whether forward() works for x: c10::InferenceMode is on, input and weights are float32 on a CPU that oneDNN supports, no autocast. This
  // excludes training and the forward passes of momentum twins, whose weights change in every step.
  bool usable(const at::Tensor& x) const;

  at::Tensor forward(const at::Tensor& x) const;                                  // x [..., in] float -> [..., sum of the parts' widths]
  at::Tensor forward(const at::Tensor& x, Activation activation) const;           // activate(forward(x))
  at::Tensor forward_add(const at::Tensor& x, const at::Tensor& residual) const;  // forward(x) + residual, of the same shape

 private:
  struct Packed;
  struct Weights {
    at::Tensor weight, bias;
  };
  Weights pack() const;
  std::vector<torch::nn::Linear> parts_;
  std::shared_ptr<Packed> packed_;
};

}  // namespace infig
