// Linear layers at inference: weights laid out once for the matrix product, layers that read the same input joined into one product,
// and what follows a product (activation, sum) done in the same pass.
#pragma once

#include <torch/nn/modules/linear.h>
#include <torch/types.h>

#include <memory>
#include <vector>

#include "nn/activation.h"

namespace infig {

// y = x [W_1; W_2; ...]^T + [b_1; b_2; ...] of the parts side by side. The packed copy costs the memory of the weights once more; it is
// made at the first use and again whenever a weight has changed. Safe to call from several threads as long as the weights do not change.
class PackedLinear {
 public:
  PackedLinear() = default;
  explicit PackedLinear(std::vector<torch::nn::Linear> parts);

  // Whether the calls below work here: c10::InferenceMode is on, input and weights are float32 on a CPU that oneDNN serves, no autocast.
  // Training, and the forward passes of momentum twins whose weights change every step, are thereby left alone.
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
