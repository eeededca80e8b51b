#include "training/loss_scaler.h"

#include <algorithm>

namespace infig {

void LossScaler::good_step() {
  if (!active_ || ++state_.good_steps < kGrowthInterval) return;
  state_.scale = std::min(state_.scale * 2, kLargest);
  state_.good_steps = 0;
}

bool LossScaler::overflow() {
  if (!active_ || state_.scale <= 1) return false;
  state_.scale /= 2;
  state_.good_steps = 0;
  return true;
}

}  // namespace infig
