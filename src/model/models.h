// The list of models, and the selection of one by model.name.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "model/model.h"

namespace infig {

struct ModelKind {
  const char* name;          // value of model.name, and of model_type in config.json
  const char* architecture;  // value of architectures in config.json
  std::unique_ptr<ModelOptions> (*make_options)();
};
using ModelList = std::vector<ModelKind>;

// All models of infig; the first is the default of model.name. To add a model, add a line in models.cpp.
const ModelList& built_in_models();

// A model's configuration: its kind and its options. Copies are independent.
class ModelConfig {
 public:
  explicit ModelConfig(const ModelList& models = built_in_models());
  ModelConfig(const ModelConfig& other);
  ModelConfig& operator=(const ModelConfig& other);
  ModelConfig(ModelConfig&&) noexcept = default;
  ModelConfig& operator=(ModelConfig&&) noexcept = default;
  ~ModelConfig() = default;

  // Selects another model, with default options. Throws ConfigError that lists the known names.
  void choose(const std::string& name);
  const ModelKind& kind() const { return *kind_; }
  const ModelList& models() const { return *models_; }
  std::string known() const;  // "infig | clmlf | ..."
  ModelOptions& operator*() { return *options_; }
  const ModelOptions& operator*() const { return *options_; }
  ModelOptions* operator->() { return options_.get(); }
  const ModelOptions* operator->() const { return options_.get(); }

 private:
  const ModelList* models_;
  const ModelKind* kind_;
  std::unique_ptr<ModelOptions> options_;
};

}  // namespace infig
