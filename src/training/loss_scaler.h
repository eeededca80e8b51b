// Dynamic loss scaling for fp16 training (Micikevicius et al. 2018), which lifts small gradients into fp16's range. The scale is halved at
// each step whose gradient overflows, and that step is skipped; it is doubled after 2,000 good steps in a row, up to 2^24.
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
  // Call when the gradient is not finite. Returns true if the scale was halved and the step is to be skipped; false if the scale is already
  // 1 or scaling is off, which means that the gradient itself is not finite.
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
