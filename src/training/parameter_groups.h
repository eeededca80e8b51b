// Which parameter learns at which rate: optim.lr and lr_new, optim.layer_decay, optim.groups.
#pragma once

#include <torch/nn/module.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "training/run_config.h"

namespace infig {

// One line of optim.groups.
struct ParameterGroup {
  std::string pattern;  // of names in model.safetensors, as the shell's: * any characters, ? one, [ab] one of these
  bool frozen = false;
  std::optional<double> lr;            // at the end of warm-up
  std::optional<double> weight_decay;  // of the group's tensors, whatever their dimensions
};

// Throws ConfigError for a line that is none of "PATTERN frozen" and "PATTERN [lr=NUMBER] [weight_decay=NUMBER]".
std::vector<ParameterGroup> parse_groups(const std::vector<std::string>& lines);

struct ParameterRate {
  double scale = 1;  // of the scheduled rate
  double weight_decay = 0;
};

// What a model says of its parameters (model/model.h).
struct ParameterRoles {
  std::vector<std::string> pretrained = {};  // names that begin with one of these have optim.lr, the others optim.lr_new (where it is set)
  std::function<std::optional<int64_t>(const std::string&)> layers_above = {};  // Model::layers_above, for optim.layer_decay; empty: none
};

class ParameterRates {
 public:
  // Throws ConfigError for a group that no parameter of the module falls into.
  ParameterRates(const torch::nn::Module& module, const OptimOptions& options, ParameterRoles roles = {});

  // Weight decay leaves out biases, norms and temperatures (tensors of fewer than two dimensions) unless a group says otherwise.
  ParameterRate of(const std::string& name, int64_t dimensions) const;
  bool frozen(const std::string& name) const;

 private:
  const ParameterGroup* group_of(const std::string& name) const;
  OptimOptions options_;
  ParameterRoles roles_;
  std::vector<ParameterGroup> groups_;
};

// Takes the gradient from every parameter of a frozen group. Throws ConfigError as ParameterRates does.
void freeze_groups(torch::nn::Module& module, const OptimOptions& options);

}  // namespace infig
