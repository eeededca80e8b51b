// Linear layers that skip random initialisation if their weights are to be read from a file.
#pragma once

#include <torch/nn/modules/linear.h>

#include <cstdint>

namespace infig {

// While an instance lives, linear() on this thread leaves weights uninitialised. For models that are then loaded with load_weights(), which
// writes every tensor.
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

// Makes torch::nn::Linear(in, out): weight [out, in] float, bias [out] float unless `bias` is false; with torch's random weights, or
// uninitialised under SkipInitialization.
torch::nn::Linear linear(int64_t in_features, int64_t out_features, bool bias = true);

}  // namespace infig
