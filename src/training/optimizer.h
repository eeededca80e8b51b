// Adam and AdamW over a module's named parameters, with clipping by the global norm (libtorch's fused kernels).
#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <map>
#include <string>
#include <vector>

#include "tensor/archive.h"
#include "training/run_config.h"

namespace infig {

class Optimizer {
 public:
  // Takes every parameter that wants a gradient. Weight decay leaves out biases, norms and temperatures (tensors of fewer than two
  // dimensions). `published`: names that begin with one of these have optim.lr, the others optim.lr_new (where it is set).
  Optimizer(const torch::nn::Module& module, const OptimOptions& options, const std::vector<std::string>& published = {});

  void zero_grad();
  // Clips and updates with `learning_rate` for published parts and in proportion for new ones; parameters without a gradient are left
  // alone. Returns the gradient norm before clipping; if it is not finite nothing was updated.
  double step(double learning_rate);

  TensorMap state() const;                                           // exp_avg.NAME, exp_avg_sq.NAME, step.NAME
  void restore(const TensorMap& tensors, const std::string& where);  // throws CheckpointError listing what is missing or mis-shaped

 private:
  struct Slot {
    std::string name;
    at::Tensor parameter, exp_avg, exp_avg_sq, step;
    bool fresh = false;  // has optim.lr_new
  };
  OptimOptions options_;
  std::vector<Slot> slots_;
};

// The rate of optimizer step `step` (0-based) of `total`.
double scheduled_rate(const OptimOptions& options, int64_t step, int64_t total);

}  // namespace infig
