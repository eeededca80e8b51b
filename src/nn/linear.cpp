#include "nn/linear.h"

namespace infig {
namespace {

thread_local bool skipping = false;

}  // namespace

SkipInitialization::SkipInitialization() : before_(skipping) { skipping = true; }
SkipInitialization::~SkipInitialization() { skipping = before_; }
bool SkipInitialization::active() { return skipping; }

torch::nn::Linear linear(int64_t in_features, int64_t out_features, bool bias) {
  if (!skipping) return torch::nn::Linear(torch::nn::LinearOptions(in_features, out_features).bias(bias));
  // The constructor initialises weights of the size given to it, so make the layer tiny first and then replace its tensors.
  torch::nn::Linear layer(torch::nn::LinearOptions(1, 1).bias(bias));
  const at::NoGradGuard no_grad;
  layer->options.in_features(in_features).out_features(out_features);
  layer->weight.set_data(at::empty({out_features, in_features}));
  if (bias) layer->bias.set_data(at::empty({out_features}));
  return layer;
}

}  // namespace infig
