// Exponential moving average of the weights (Polyak & Juditsky 1992, with the decay of Tarvainen & Valpola 2017):
// average <- d average + (1 - d) weights after every step, from the weights at the start.
#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <vector>

#include "tensor/archive.h"

namespace infig {

class WeightAverage {
 public:
  // Copies what the module holds now. decay in (0, 1). Buffers (running statistics) are not averaged but taken as they are.
  WeightAverage(const torch::nn::Module& module, double decay);

  void update();  // after a step; parameters without gradient are left alone

  // Exchanges average and weights; twice is nothing. While they are exchanged the module is the average.
  void exchange();

  // The weights of training while the average is in the module: "online.NAME" for trainer.safetensors. Only between two exchanges.
  TensorMap online() const;
  // The module holds the average (as model.safetensors does) and `tensors` the weights of training; afterwards the module holds the latter.
  // Throws CheckpointError listing what is missing or mis-shaped.
  void restore(const TensorMap& tensors, const std::string& where);

 private:
  std::vector<std::string> names_;
  std::vector<at::Tensor> parameters_, averages_;
  double decay_;
};

}  // namespace infig
