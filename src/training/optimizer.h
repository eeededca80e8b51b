// Adam, AdamW, SGD and RMSprop for a module's named parameters, with clipping by the global gradient norm (libtorch's fused kernels).
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
  // Optimises every parameter that requires a gradient, with the learning rate and weight decay that ParameterRates gives it.
  Optimizer(const torch::nn::Module& module, const OptimOptions& options, const ParameterRoles& roles = {});

  void zero_grad();
  // Divides the gradients by loss_scale, clips them and updates each parameter with `learning_rate` times its scale; parameters without a
  // gradient stay unchanged. Returns the gradient norm before clipping; if it is not finite, nothing was updated.
  double step(double learning_rate, double loss_scale = 1);

  // Returns the name of the first parameter whose gradient is not finite; empty if all are finite.
  std::string non_finite_gradient() const;

  // exp_avg.NAME, exp_avg_sq.NAME and step.NAME; for sgd momentum_buffer.NAME, for rmsprop exp_avg_sq.NAME
  TensorMap state() const;
  void restore(const TensorMap& tensors, const std::string& where);  // throws CheckpointError listing what is missing or mis-shaped

 private:
  struct Slot {
    std::string name;
    // Of sgd, exp_avg is the momentum buffer and the other two are undefined; of rmsprop there is exp_avg_sq alone.
    at::Tensor parameter, exp_avg, exp_avg_sq, step;
    ParameterRate rate;
  };
  // Parameters with the same scale and weight decay, updated by one call of a fused kernel.
  struct Group {
    std::vector<at::Tensor> parameters, grads, exp_avgs, exp_avg_sqs, steps;
  };
  void update(Group& group, double learning_rate, double weight_decay);
  void rmsprop(Group& group, double learning_rate, double weight_decay) const;
  OptimOptions options_;
  std::vector<Slot> slots_;
};

// Returns the number of steps over which the learning-rate schedule runs, as seen from step `step` (0-based). `epochs`: the values of
// train.epochs, one for each time it was set, in increasing order. The schedule is that of the smallest value whose training includes the
// step. Raising train.epochs therefore does not change the rates of earlier steps, wherever the run was when it was raised.
int64_t schedule_length(const std::vector<int64_t>& epochs, int64_t steps_per_epoch, int64_t step);

// Returns the learning rate of optimizer step `step` (0-based) out of `total`. Exponential: lr decay^((step - warm) / steps_per_epoch),
// warm = the steps of warm-up.
double scheduled_rate(const OptimOptions& options, int64_t step, int64_t total, int64_t steps_per_epoch);

}  // namespace infig
