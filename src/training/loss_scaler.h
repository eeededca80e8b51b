// The loss scale of half-precision training (Micikevicius et al. 2018): gradients below half's range are lifted into it. The scale is
// halved at every step whose gradient overflows, which is then left out, and doubled after a run of good ones.
#pragma once

#include <cstdint>

#include "run/trainer_state.h"

namespace infig {

class LossScaler {
 public:
  using State = LossScale;
  explicit LossScaler(bool active) : active_(active) {}

  double scale() const { return active_ ? state_.scale : 1; }
  void good_step();
  // True: the scale was halved, the step is to be left out. False: the scale is 1 (or scaling off), so the gradient itself is not finite.
  bool overflow();

  const State& state() const { return state_; }
  void restore(const State& state) { state_ = state; }

 private:
  static constexpr int64_t kGrowthInterval = 2000;
  static constexpr double kLargest = 16777216;
  bool active_;
  State state_;
};

}  // namespace infig
