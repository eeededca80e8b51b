#include "model/models.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/error.h"
#include "model/baselines/baseline_kinds.h"
#include "model/baselines/clmlf_options.h"
#include "model/baselines/co_memory.h"
#include "model/baselines/concat.h"
#include "model/baselines/dr_net.h"
#include "model/baselines/hsan.h"
#include "model/baselines/mgnns_model.h"
#include "model/baselines/mmsd.h"
#include "model/baselines/multisentinet.h"
#include "model/baselines/mvan.h"
#include "model/infig_options.h"

namespace infig {
namespace {

template <typename Options>
std::unique_ptr<ModelOptions> options_of() {
  return std::make_unique<Options>();
}

}  // namespace

const ModelList& built_in_models() {
  static const ModelList kModels = {
      {"infig", "InfigModel", options_of<InfigOptions>},
      {"multisentinet", "MultiSentiNet", [] { return make_baseline<MultiSentiNet, MultiSentiNetOptions>({.name = "multisentinet"}); }},
      {"hsan", "Hsan", [] { return make_baseline<Hsan, HsanOptions>({.name = "hsan", .reconstruction = true}); }},
      {"co-memory", "CoMemoryNet",
       [] { return make_baseline<CoMemoryNet, CoMemoryOptions>({.name = "co-memory", .reconstruction = true}); }},
      {"mvan", "MvanNet", [] { return make_baseline<MvanNet, MvanOptions>({.name = "mvan", .reconstruction = true}); }},
      {"concat2", "ConcatNet", [] { return make_baseline<ConcatNet, ConcatOptions>({.name = "concat2"}); }},
      {"concat3", "ConcatNet", [] { return make_baseline<ConcatNet, Concat3Options>({.name = "concat3"}); }},
      {"mmsd", "MmsdNet", [] { return make_baseline<MmsdNet, MmsdOptions>({.name = "mmsd"}); }},
      {"dr-net", "DrNet", [] { return make_baseline<DrNet, DrNetOptions>({.name = "dr-net", .reconstruction = true}); }},
      {"mgnns", "Mgnns", options_of<MgnnsModelOptions>},
      {"clmlf", "Clmlf", options_of<ClmlfOptions>},
  };
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
