// Which variants an experiment has: the rows of the paper's Table 3, the points of a sweep.
#pragma once

#include <string>
#include <vector>

#include "experiments/experiment.h"
#include "training/run_config.h"

namespace infig {

// full; w/o CLIP where the config has one; w/o GAM; w/o HFAM; w/o both. Throws ConfigError where the config has neither loss.
std::vector<Variant> ablation_variants(const RunConfig& config);

// One word of a sweep, "gam.layer=1,2,3,4": a value is YAML, and commas inside brackets or quotes do not part values.
struct SweepAxis {
  std::string key;
  std::vector<std::string> values;
};
SweepAxis parse_axis(const std::string& word);  // throws ConfigError: no '=', no value, a value twice

// Every combination of the axes' values, the last axis changing fastest; with 0 < random < their number as many of them, drawn by the
// seed without repetition, in that order. Throws ConfigError for a key twice.
std::vector<Variant> sweep_variants(const std::vector<SweepAxis>& axes, int64_t random, uint64_t seed);

}  // namespace infig
