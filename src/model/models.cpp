#include "model/models.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/error.h"
#include "model/infig_options.h"

namespace infig {
namespace {

template <typename Options>
std::unique_ptr<ModelOptions> options_of() {
  return std::make_unique<Options>();
}

}  // namespace

const ModelList& built_in_models() {
  static const ModelList kModels = {{"infig", "InfigModel", options_of<InfigOptions>}};
  return kModels;
}

ModelConfig::ModelConfig(const ModelList& models) : models_(&models), kind_(&models.front()), options_(kind_->make_options()) {}

ModelConfig::ModelConfig(const ModelConfig& other) : models_(other.models_), kind_(other.kind_), options_(other.options_->clone()) {}

ModelConfig& ModelConfig::operator=(const ModelConfig& other) {
  if (this == &other) return *this;
  models_ = other.models_;
  kind_ = other.kind_;
  options_ = other.options_->clone();
  return *this;
}

std::string ModelConfig::known() const {
  std::vector<std::string> names;
  for (const ModelKind& kind : *models_) names.emplace_back(kind.name);
  return fmt::format("{}", fmt::join(names, " | "));
}

void ModelConfig::choose(const std::string& name) {
  std::vector<std::string> known;
  for (const ModelKind& kind : *models_) {
    known.emplace_back(kind.name);
    if (name != kind.name) continue;
    if (kind_ != &kind) options_ = kind.make_options();
    kind_ = &kind;
    return;
  }
  const std::string nearest = nearest_word(name, known);
  throw ConfigError(fmt::format("model.name: is \"{}\"; known are {}{}", name, fmt::join(known, ", "),
                                nearest.empty() ? "" : fmt::format("; is {} meant?", nearest)));
}

}  // namespace infig
