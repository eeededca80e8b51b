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

struct CheckpointLimits {
  int64_t keep = 2;                      // checkpoints besides the best one and those of kept_steps
  int64_t with_state = 2;                // newest ones that keep optimizer.safetensors and trainer.safetensors
  std::vector<int64_t> kept_steps = {};  // of train.average_best
};

// Writes checkpoints/step-NNNNNN aside, flushes it, renames it, then moves `latest` (and `best` when state.best_step is this step), and
// deletes what is beyond the limits. Throws ResourceError and leaves the earlier checkpoints untouched.
void save_checkpoint(const std::filesystem::path& run, const CheckpointParts& parts, const CheckpointLimits& limits);

// The deleting part of it alone: for a finished run, in case it was killed before it came to that.
void delete_old_checkpoints(const std::filesystem::path& run, const TrainerState& state, const CheckpointLimits& limits);

// Whether a run can continue from it: it holds more than its model.
bool has_training_state(const std::filesystem::path& checkpoint);

// train.keep=best: leaves the best checkpoint's model, with `state`, the last of the run, beside it (and checkpoints/average). Whatever
// moment it is interrupted at, the run is finished, and a second call completes it. Throws ResourceError; CheckpointError where the best
// checkpoint is not there.
void keep_best_alone(const std::filesystem::path& run, const TrainerState& state);

// The newest whole checkpoint that a run can continue from, or the one that train.keep=best left of a finished run; nothing where there is
// none yet. One that is broken (a file that is absent, cut off or no JSON) is named in the log and moved aside (step-NNNNNN.broken), and
// `latest` and `best` are set to what is left. Throws CheckpointError where none is left, and for a whole one of another format (written by
// another version), which stays where it is.
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
