// Adam, AdamW and SGD over a module's named parameters, with clipping by the global norm (libtorch's fused kernels).
#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <map>
#include <string>
#include <vector>

#include "tensor/archive.h"
#include "training/parameter_groups.h"
#include "training/run_config.h"

namespace infig {

class Optimizer {
 public:
  // Takes every parameter that wants a gradient, with the rate and decay that ParameterRates gives it.
  Optimizer(const torch::nn::Module& module, const OptimOptions& options, const ParameterRoles& roles = {});

  void zero_grad();
  // Clips and updates with `learning_rate` times each parameter's scale; parameters without a gradient are left
  // alone. Gradients are divided by loss_scale first. Returns the gradient norm before clipping; if it is not finite nothing was updated.
  double step(double learning_rate, double loss_scale = 1);

  // Name of the first parameter whose gradient is not finite; empty where all are.
  std::string non_finite_gradient() const;

  TensorMap state() const;  // exp_avg.NAME, exp_avg_sq.NAME, step.NAME; of sgd momentum_buffer.NAME
  void restore(const TensorMap& tensors, const std::string& where);  // throws CheckpointError listing what is missing or mis-shaped

 private:
  struct Slot {
    std::string name;
    at::Tensor parameter, exp_avg, exp_avg_sq, step;  // of sgd exp_avg is the momentum buffer, the others are undefined
    ParameterRate rate;
  };
  // Parameters of one rate and decay, for one call of a fused kernel.
  struct Group {
    std::vector<at::Tensor> parameters, grads, exp_avgs, exp_avg_sqs, steps;
  };
  void update(Group& group, double learning_rate, double weight_decay);
  OptimOptions options_;
  std::vector<Slot> slots_;
};

// How many steps the schedule of step `step` (0-based) is stated over. `epochs`: what train.epochs was, start by start, each more than the
// one before. Up to the end that was planned first, that is its length; from there to the next end, that one's: what is done stays what it
// was, wherever the run was stopped before train.epochs grew.
int64_t schedule_length(const std::vector<int64_t>& epochs, int64_t steps_per_epoch, int64_t step);

// The rate of optimizer step `step` (0-based) of `total`.
double scheduled_rate(const OptimOptions& options, int64_t step, int64_t total);

}  // namespace infig
