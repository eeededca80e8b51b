// Reliability of the top probability: what a bin claims on average against how often it is right. Part of classification.h and
// resampling.h.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace infig {

class CalibrationBins {
 public:
  static constexpr size_t kBins = 15;
  // Bin b holds (b / 15, (b + 1) / 15], the first one 0 as well.
  static size_t bin_of(double confidence) {
    size_t bin = 0;
    while (bin + 1 < kBins && confidence > static_cast<double>(bin + 1) / kBins) ++bin;
    return bin;
  }
  void add(double confidence, bool right) { add(bin_of(confidence), confidence, right); }
  void add(size_t bin, double confidence, bool right) {
    confidence_[bin] += confidence;
    right_[bin] += right ? 1.0 : 0.0;
  }
  // |sum right - sum confidence| of a bin is its count times the gap, so the counts cancel.
  double error(int64_t count) const {
    double total = 0;
    for (size_t bin = 0; bin < kBins; ++bin) total += std::abs(right_[bin] - confidence_[bin]);
    return total / static_cast<double>(count);
  }

 private:
  std::array<double, kBins> confidence_{}, right_{};
};

}  // namespace infig
