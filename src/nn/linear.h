// Modules whose weights are about to be read from a file need no random ones first.
#pragma once

#include <torch/nn/modules/linear.h>

#include <cstdint>

namespace infig {

// While it lives, linear() below leaves weights as the memory was, on this thread. For models that are then loaded strictly (load_weights):
// every tensor is written.
class SkipInitialization {
 public:
  SkipInitialization();
  ~SkipInitialization();
  SkipInitialization(const SkipInitialization&) = delete;
  SkipInitialization& operator=(const SkipInitialization&) = delete;
  static bool active();

 private:
  bool before_;
};

// torch::nn::Linear(in, out): weight [out, in] float, bias [out] float unless `bias` is false; torch's own random weights, or none under
// SkipInitialization.
torch::nn::Linear linear(int64_t in_features, int64_t out_features, bool bias = true);

}  // namespace infig
