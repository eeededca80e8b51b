// Concat(2) and Concat(3): text and picture, with Concat(3) also attributes, side by side in front of a classifier (Schifanella et al. 2016
// as run by Cai, Cai, Wan, ACL 2019, who publish no details). The encoders are MMSD's without its fusion (hfm_encoders.h):
//   Concat(2): x = [mean of H; mean of R] [B, 2h + r], the LSTM starts from zeros
//   Concat(3): x = [mean of H; mean of R; a] [B, 2h + r + w], the LSTM starts from the attributes
//   z = C dropout(relu(F x + f)) + c, logits [0, z]
#pragma once

#include <torch/nn/modules/linear.h>
#include <torch/types.h>

#include <memory>

#include "core/config.h"
#include "model/baselines/baseline_net.h"
#include "model/baselines/hfm_encoders.h"

namespace infig {

struct ConcatOptions {
  bool attributes = false;  // of Concat3Options. Not a key: model.name says it
  HfmEncoderOptions encoders;
  int64_t hidden_size = 512;  // of the layer before the classifier
  double dropout = 0.2;       // behind that layer
  void validate() const;      // throws ConfigError
};
struct Concat3Options : ConcatOptions {
  Concat3Options() { attributes = true; }
};
void bind_options(ConfigBinder& binder, ConcatOptions& options);  // section concat2 or concat3

// Parameters: those of hfm_encoders.h, hidden.*, classifier.*. Two classes only.
class ConcatNet : public BaselineNet {
 public:
  ConcatNet(const BaselineSizes& sizes, const ConcatOptions& options);
  at::Tensor logits(const BaselineInputs& inputs, DropoutSource* dropout) override;
  BaselineNeeds needs() const override { return {.attributes = options_.attributes, .object_grid = true, .regions = true}; }
  void initialize(uint64_t seed) override;

 private:
  ConcatOptions options_;
  std::unique_ptr<HfmEncoders> encoders_;
  torch::nn::Linear hidden_{nullptr}, classifier_{nullptr};
};

}  // namespace infig
