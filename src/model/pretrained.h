// A model on disk: model.safetensors, config.json, tokenizer files. Such a folder alone is enough to predict.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "model/models.h"
#include "run/checkpoints.h"  // find_checkpoint
#include "text/tokenizer.h"

namespace infig {

struct LoadedModel {
  std::shared_ptr<Model> model;
  ModelConfig options;
  std::unique_ptr<Tokenizer> tokenizer;    // null where the model wants no token ids
  std::vector<std::string> labels;         // in id order
  Precision precision = Precision::kFp32;  // that it was trained in
};

struct SavedModel {
  const Model& model;
  const ModelConfig& options;
  const Tokenizer* tokenizer;  // null: none
  const std::vector<std::string>& labels;
  Precision precision;  // resolved
};

// Writes into an existing folder; every file appears whole or not at all.
void save_model(const SavedModel& saved, const std::filesystem::path& folder);

// Reads it back: the model of config.json's model_type, with its keys and facts, and the weights straight into its memory. Throws
// CheckpointError naming the missing or broken file or key.
LoadedModel load_model(const std::filesystem::path& folder, const ModelList& models = built_in_models());

}  // namespace infig
