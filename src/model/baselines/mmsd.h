// MMSD, the hierarchical fusion model (Cai, Cai, Wan: Multi-Modal Sarcasm Detection in Twitter with Hierarchical Fusion Model, ACL 2019;
// released code: headacheboy/data-of-multimodal-sarcasm-detection). On the encoders of hfm_encoders.h:
//   representation fusion, for each side m with elements x_i [d_m] and each guidance vector g [d_g] of the three sides:
//     s_i = w . tanh(W [x_i; g] + b), W [(d_m + d_g) / 2, d_m + d_g];  weights = mean over the guidance vectors of softmax_i(s)
//     v_m = sum_i weights_i x_i
//   modality fusion: score_m = w_m . tanh(W_m v_m + b_m) + c_m, v'_m = tanh(W'_m v_m + b'_m) [B, k], f = sum_m softmax_m(score) v'_m
//   z = C relu(F f + f0) + c, logits [0, z]
//   penalty = l2 / 2 * sum of squares of all parameters but the vectors of words
// What is missing takes no part, which the released code leaves open: its guidance is a zero vector, its v_m is zero, and the softmax over
// sides leaves it out.
#pragma once

#include <torch/nn/modules/linear.h>
#include <torch/types.h>

#include <array>
#include <memory>

#include "core/config.h"
#include "model/baselines/baseline_net.h"
#include "model/baselines/hfm_encoders.h"

namespace infig {

struct MmsdOptions {
  HfmEncoderOptions encoders;
  int64_t fusion_size = 512;  // k: of the sides' common space and of their scores' hidden layer
  int64_t hidden_size = 256;  // of the layer before the classifier
  double l2 = 1e-7;           // weight of the penalty, >= 0
  void validate() const;      // throws ConfigError
};
void bind_options(ConfigBinder& binder, MmsdOptions& options);  // section mmsd

// Parameters: those of hfm_encoders.h; with m and g among text, image, attribute: represent.m.g.hidden.*, represent.m.g.score.weight,
// fuse.m.hidden.*, fuse.m.score.*, fuse.m.value.*; hidden.*, classifier.*. Two classes only.
class MmsdNet : public BaselineNet {
 public:
  MmsdNet(const BaselineSizes& sizes, const MmsdOptions& options);
  at::Tensor logits(const BaselineInputs& inputs, DropoutSource* dropout) override;
  BaselineNeeds needs() const override { return {.attributes = true, .object_grid = true, .regions = true}; }
  void initialize(uint64_t seed) override;
  at::Tensor penalty() override;

 private:
  static constexpr size_t kSides = 3;
  struct Guided {
    torch::nn::Linear hidden{nullptr}, score{nullptr};
  };
  struct Fused {
    torch::nn::Linear hidden{nullptr}, score{nullptr}, value{nullptr};
  };
  at::Tensor represent(size_t m, const std::array<HfmSide, kSides>& sides);

  MmsdOptions options_;
  std::unique_ptr<HfmEncoders> encoders_;
  std::array<std::array<Guided, kSides>, kSides> guided_;  // [element's side][guidance's side]
  std::array<Fused, kSides> fused_;
  torch::nn::Linear hidden_{nullptr}, classifier_{nullptr};
};

}  // namespace infig
