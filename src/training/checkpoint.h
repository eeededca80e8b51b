// Checkpoints of a run: RUN/checkpoints/step-NNNNNN, with `latest` and `best` beside them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "model/pretrained.h"
#include "run/checkpoints.h"
#include "run/stored_model.h"
#include "run/trainer_state.h"
#include "training/optimizer.h"
#include "training/weight_average.h"

namespace infig {

struct CheckpointParts {
  SavedModel model;
  Optimizer& optimizer;
  Objective& objective;
  WeightAverage* average;  // null: none; where there is one, it is what is saved as the model
  TrainerState& state;
};

// Writes checkpoints/step-NNNNNN aside, flushes it, renames it, then moves `latest` (and `best` when state.best_step is this step), and
// deletes the oldest beyond `keep` that are neither, nor of `kept_steps`. Throws ResourceError and leaves the earlier checkpoints
// untouched.
void save_checkpoint(const std::filesystem::path& run, const CheckpointParts& parts, int64_t keep,
                     const std::vector<int64_t>& kept_steps = {});

// The newest whole checkpoint, or nothing where there is none yet. One that is broken (a file that is absent, cut off or no JSON) is
// named in the log and moved aside (step-NNNNNN.broken), and `latest` and `best` are set to what is left. Throws CheckpointError where all
// of them are broken, and for a whole one of another format (written by another version), which stays where it is.
std::optional<std::filesystem::path> latest_checkpoint(const std::filesystem::path& run);

// What the newest readable checkpoint's config.json says; nothing where there is none. Only looks: a broken one is passed over, and left to
// latest_checkpoint().
std::optional<StoredModel> newest_stored_model(const std::filesystem::path& run);

// Throws CheckpointError naming the key where the checkpoint is of another model, or of one with other options: folders that were moved
// by hand.
void check_same_model(const std::filesystem::path& checkpoint, const ModelConfig& options);

// Restores what training adds to the model, which holds the checkpoint's weights already: optimizer, the objective's state, and the average
// where there is one. Throws CheckpointError.
void load_training_state(const std::filesystem::path& checkpoint, Optimizer& optimizer, Objective& objective, WeightAverage* average);

}  // namespace infig
