// Learning rate and weight decay of each parameter: optim.lr, optim.lr_new, optim.layer_decay, optim.groups.
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
  std::string pattern;  // glob for names in model.safetensors: * any characters, ? one character, [ab] one of these
  bool frozen = false;
  std::optional<double> lr;            // learning rate at the end of warm-up
  std::optional<double> weight_decay;  // of all the group's tensors, whatever their dimensions
};

// Throws ConfigError for a line that is neither "PATTERN frozen" nor "PATTERN [lr=NUMBER] [weight_decay=NUMBER]".
std::vector<ParameterGroup> parse_groups(const std::vector<std::string>& lines);

struct ParameterRate {
  double scale = 1;  // factor for the scheduled learning rate
  double weight_decay = 0;
};

// What a model states about its parameters (model/model.h).
struct ParameterRoles {
  std::vector<std::string> pretrained = {};  // name prefixes of parameters with rate optim.lr; all others have optim.lr_new, if it is set
  std::function<std::optional<int64_t>(const std::string&)> layers_above = {};  // Model::layers_above, for optim.layer_decay; empty: none
};

class ParameterRates {
 public:
  // Throws ConfigError for a group that matches no parameter, or only parameters of earlier groups.
  ParameterRates(const torch::nn::Module& module, const OptimOptions& options, ParameterRoles roles = {});

  // Tensors of fewer than two dimensions (biases, norms, temperatures) get no weight decay unless a group sets one for them.
  ParameterRate of(const std::string& name, int64_t dimensions) const;
  bool frozen(const std::string& name) const;

 private:
  const ParameterGroup* group_of(const std::string& name) const;
  OptimOptions options_;
  ParameterRoles roles_;
  std::vector<ParameterGroup> groups_;
};

// Sets requires_grad to false for every parameter of a frozen group. Throws ConfigError like ParameterRates.
void freeze_groups(torch::nn::Module& module, const OptimOptions& options);

}  // namespace infig
