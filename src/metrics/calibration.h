// Calibration of a model's probabilities (temperature), and abstention (risk against coverage).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace infig {

// The temperature T in [0.05, 20] that minimises the mean of -log softmax(log p / T)[label] (Guo et al. 2017, section 4.2); logits and
// log-probabilities give the same T. Found by bisection on the derivative, which rises with 1 / T. Throws ShapeError as
// score_classification does.
double fit_temperature(std::span<const double> probabilities, std::span<const int64_t> labels, int64_t classes);

// softmax(log p / T) of every row of [N, C]; probabilities of 0 stay 0. Throws ShapeError for T that is not above 0 or a
// size that is no multiple of C.
std::vector<double> apply_temperature(std::span<const double> probabilities, int64_t classes, double temperature);

struct RiskPoint {
  double coverage = 0;    // share of posts answered: those whose top probability is at least `confidence`
  double risk = 0;        // share of wrong answers among them
  double confidence = 0;  // the threshold
};

// One point for every distinct top probability, from the most confident posts alone to all of them (El-Yaniv & Wiener 2010).
std::vector<RiskPoint> risk_coverage(std::span<const double> probabilities, std::span<const int64_t> labels, int64_t classes);

// Area under it: the mean over posts of the risk among all posts at least as confident (Geifman et al. 2019). 0 is best.
double risk_coverage_area(std::span<const double> probabilities, std::span<const int64_t> labels, int64_t classes);

}  // namespace infig
