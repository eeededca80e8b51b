// Saves and loads a model folder: model.safetensors, config.json and tokenizer files. Prediction needs nothing else.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "model/models.h"
#include "run/checkpoints.h"  // find_checkpoint
#include "tensor/loader.h"    // Without
#include "text/tokenizer.h"

namespace infig {

struct LoadedModel {
  std::shared_ptr<Model> model;
  ModelConfig options;
  std::unique_ptr<Tokenizer> tokenizer;         // null if the model uses no token ids
  std::vector<std::string> labels;              // in id order
  Precision precision = Precision::kFp32;       // of training
  Without trained_without = Without::kNothing;  // the side hidden in training (data.without); trained_without in config.json
};

struct SavedModel {
  const Model& model;
  const ModelConfig& options;
  const Tokenizer* tokenizer;  // null: none
  const std::vector<std::string>& labels;
  Precision precision;  // resolved: never kAuto
  Without trained_without = Without::kNothing;
};

// Writes the model into an existing folder. Each file is written atomically.
void save_model(const SavedModel& saved, const std::filesystem::path& folder);

// Loads a model folder: the model of config.json's model_type, with its keys and facts. Weights are read directly into the model's memory.
// Throws CheckpointError naming the missing or broken file or key.
LoadedModel load_model(const std::filesystem::path& folder, const ModelList& models = built_in_models());

}  // namespace infig
