// Minimising a smooth convex function by L-BFGS (libLBFGS) in double precision.
#pragma once

#include <cstdint>
#include <functional>
#include <span>

namespace infig {

// Returns the value at x and writes the gradient, both of the same length.
using Function = std::function<double(const double* x, double* gradient)>;

struct MinimiseOptions {
  int64_t max_iterations = 2000;
  double tolerance = 1e-4;         // stops where the largest entry of the gradient is below it, regardless of their number
  const char* title = "minimise";  // of messages
};

// Moves `x` to the minimum; returns the steps taken. Logs a warning where max_iterations were not enough. Throws ResourceError.
int64_t minimise(const Function& objective, std::span<double> x, const MinimiseOptions& options);

}  // namespace infig
