// The variants of an experiment: the rows of the paper's Table 3, or the points of a sweep.
#pragma once

#include <string>
#include <vector>

#include "experiments/experiment.h"
#include "training/run_config.h"

namespace infig {

// full; w/o CLIP if the config has one; w/o GAM; w/o HFAM; w/o both. Throws ConfigError if the config has neither loss.
std::vector<Variant> ablation_variants(const RunConfig& config);

// One axis of a sweep, "gam.layer=1,2,3,4". Values are YAML; commas inside brackets or quotes do not separate values.
struct SweepAxis {
  std::string key;
  std::vector<std::string> values;
};
SweepAxis parse_axis(const std::string& word);  // throws ConfigError: no '=', no value, a repeated value

// Returns all combinations of the axes' values, the last axis varying fastest. If 0 < random < their number, returns only `random` of them,
// drawn without replacement and in the same order. Throws ConfigError for a repeated key.
std::vector<Variant> sweep_variants(const std::vector<SweepAxis>& axes, int64_t random, uint64_t seed);

}  // namespace infig
