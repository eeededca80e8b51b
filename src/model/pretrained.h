// A model on disk: model.safetensors, config.json, tokenizer files (interface.md "Run folder"). Such a folder alone is enough to predict.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "model/infig.h"
#include "run/checkpoints.h"  // find_checkpoint
#include "text/tokenizer.h"

namespace infig {

struct LoadedModel {
  InfigModel model{nullptr};
  std::unique_ptr<Tokenizer> tokenizer;
  std::vector<std::string> labels;  // in id order
};

// Writes into an existing folder; every file appears whole or not at all.
void save_model(const InfigModel& model, const Tokenizer& tokenizer, const std::vector<std::string>& labels,
                const std::filesystem::path& folder);

// Throws CheckpointError naming the missing or broken file or key.
LoadedModel load_model(const std::filesystem::path& folder);

}  // namespace infig
