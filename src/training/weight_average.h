// Exponential moving average of the weights (Polyak & Juditsky 1992, with the decay of Tarvainen & Valpola 2017), which starts from the
// initial weights: average <- d average + (1 - d) weights after each step.
#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <vector>

#include "tensor/archive.h"

namespace infig {

class WeightAverage {
 public:
  // Starts from the module's current weights. decay in (0, 1). Frozen parameters and buffers (running statistics) are not averaged.
  WeightAverage(const torch::nn::Module& module, double decay);

  void update();  // call after each step

  // Swaps averages and weights, so that the module holds the averages; a second call restores both.
  void exchange();

  // The training weights while the module holds the averages, as "online.NAME" for trainer.safetensors. Call only between two exchange()
  // calls.
  TensorMap online() const;
  // Restores both from a checkpoint: the module must hold the averages (model.safetensors), and `tensors` the training weights, which the
  // module holds afterwards. Throws CheckpointError listing what is missing or has the wrong shape.
  void restore(const TensorMap& tensors, const std::string& where);

 private:
  std::vector<std::string> names_;
  std::vector<at::Tensor> parameters_, averages_;
  double decay_;
};

}  // namespace infig
