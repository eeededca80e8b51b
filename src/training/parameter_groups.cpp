#include "training/parameter_groups.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <sstream>
#include <utility>

#include "core/error.h"

namespace infig {
namespace {

ConfigError bad_line(const std::string& line, const std::string& why) {
  return ConfigError(
      fmt::format("optim.groups: \"{}\": {}; expected \"PATTERN frozen\" or \"PATTERN lr=NUMBER weight_decay=NUMBER\"", line, why));
}

double number_of(const std::string& word, size_t equals, const std::string& line) {
  double value = 0;
  const auto [end, error] = std::from_chars(word.data() + equals + 1, word.data() + word.size(), value);
  if (error != std::errc() || end != word.data() + word.size() || !(value >= 0) || !std::isfinite(value))
    throw bad_line(line, fmt::format("{} is no number >= 0", word));
  return value;
}

ParameterGroup parse_group(const std::string& line) {
  std::istringstream words(line);
  ParameterGroup group;
  if (!(words >> group.pattern)) throw bad_line(line, "it is empty");
  int count = 0;
  for (std::string word; words >> word; ++count) {
    const size_t equals = word.find('=');
    const std::string key = word.substr(0, equals);
    if (word == "frozen") {
      group.frozen = true;
    } else if (equals != std::string::npos && (key == "lr" || key == "weight_decay")) {
      (key == "lr" ? group.lr : group.weight_decay) = number_of(word, equals, line);
    } else {
      throw bad_line(line, fmt::format("{} is not known", word));
    }
  }
  if (count == 0) throw bad_line(line, "it says nothing about its parameters");
  if (group.frozen && count > 1) throw bad_line(line, "what is frozen has no rate and no decay");
  return group;
}

}  // namespace

std::vector<ParameterGroup> parse_groups(const std::vector<std::string>& lines) {
  std::vector<ParameterGroup> groups;
  for (const std::string& line : lines) groups.push_back(parse_group(line));
  return groups;
}

ParameterRates::ParameterRates(const torch::nn::Module& module, const OptimOptions& options, ParameterRoles roles)
    : options_(options), roles_(std::move(roles)), groups_(parse_groups(options.groups)) {
  std::vector<bool> used(groups_.size());
  for (const auto& item : module.named_parameters()) {
    if (const ParameterGroup* group = group_of(item.key())) used[static_cast<size_t>(group - groups_.data())] = true;
  }
  for (size_t i = 0; i < groups_.size(); ++i) {
    if (!used[i]) {
      throw ConfigError(
          fmt::format("optim.groups: \"{}\" matches no parameter, or only parameters of earlier lines; infig weights inspect "
                      "RUN/checkpoints/best lists the names",
                      options.groups[i]));
    }
  }
}

const ParameterGroup* ParameterRates::group_of(const std::string& name) const {
  const auto found = std::find_if(groups_.begin(), groups_.end(),
                                  [&](const ParameterGroup& group) { return ::fnmatch(group.pattern.c_str(), name.c_str(), 0) == 0; });
  return found == groups_.end() ? nullptr : &*found;
}

bool ParameterRates::frozen(const std::string& name) const {
  const ParameterGroup* group = group_of(name);
  return group != nullptr && group->frozen;
}

ParameterRate ParameterRates::of(const std::string& name, int64_t dimensions) const {
  const auto begins = [&](const std::string& part) { return name.starts_with(part); };
  ParameterRate rate{.scale = 1, .weight_decay = dimensions >= 2 ? options_.weight_decay : 0.0};
  if (options_.lr_new > 0 && std::none_of(roles_.pretrained.begin(), roles_.pretrained.end(), begins))
    rate.scale = options_.lr_new / options_.lr;
  if (options_.layer_decay < 1 && roles_.layers_above) {
    if (const std::optional<int64_t> layers = roles_.layers_above(name))
      rate.scale *= std::pow(options_.layer_decay, static_cast<double>(*layers));
  }
  if (const ParameterGroup* group = group_of(name)) {
    if (group->lr) rate.scale = *group->lr / options_.lr;
    if (group->weight_decay) rate.weight_decay = *group->weight_decay;
  }
  return rate;
}

void freeze_groups(torch::nn::Module& module, const OptimOptions& options) {
  if (options.groups.empty()) return;
  const ParameterRates rates(module, options);
  for (auto& item : module.named_parameters()) {
    if (rates.frozen(item.key())) item.value().set_requires_grad(false);
  }
}

}  // namespace infig
