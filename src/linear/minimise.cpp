#include "linear/minimise.h"

#include <fmt/format.h>
#include <lbfgs.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/log.h"

namespace infig {
namespace {

// One run of L-BFGS. It stops by the largest entry of the gradient, which, unlike the library's own rule, does not depend on the count of
// weights.
struct Run {
  const Function& objective;
  const MinimiseOptions& options;
  int iterations = 0;

  static lbfgsfloatval_t evaluate(void* instance, const lbfgsfloatval_t* x, lbfgsfloatval_t* gradient, int, lbfgsfloatval_t) {
    return static_cast<Run*>(instance)->objective(x, gradient);
  }
  // NOLINTNEXTLINE(readability-function-size): the library's signature
  static int progress(void* instance, const lbfgsfloatval_t*, const lbfgsfloatval_t* gradient, lbfgsfloatval_t, lbfgsfloatval_t,
                      lbfgsfloatval_t, lbfgsfloatval_t, int count, int iteration, int) {
    Run& run = *static_cast<Run*>(instance);
    run.iterations = iteration;
    double largest = 0;
    for (int i = 0; i < count; ++i) largest = std::max(largest, std::fabs(gradient[i]));
    return largest < run.options.tolerance ? 1 : 0;
  }
};

}  // namespace

int64_t minimise(const Function& objective, std::span<double> x, const MinimiseOptions& options) {
  lbfgs_parameter_t parameters;
  lbfgs_parameter_init(&parameters);
  parameters.max_iterations = static_cast<int>(options.max_iterations);
  parameters.m = 10;
  parameters.epsilon = 0;  // only Run::progress stops
  parameters.max_linesearch = 50;
  Run run{objective, options};
  const auto count = static_cast<int>(x.size());
  lbfgsfloatval_t* aligned = lbfgs_malloc(count);  // libLBFGS needs a special alignment
  if (aligned == nullptr) throw ResourceError(fmt::format("{}: memory ran out", options.title));
  std::copy_n(x.data(), count, aligned);
  const int status = lbfgs(count, aligned, nullptr, Run::evaluate, Run::progress, &run, &parameters);
  std::copy_n(aligned, count, x.data());
  lbfgs_free(aligned);
  // Rounding may end the line search in the minimum before the tolerance is met; that is no failure.
  if (status == LBFGSERR_MAXIMUMITERATION) log_warning("{}: not converged after {} steps", options.title, options.max_iterations);
  return run.iterations;
}

}  // namespace infig
