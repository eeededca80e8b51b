// Checkpoints of a run: RUN/checkpoints/step-NNNNNN, and the links `latest` and `best` to two of them.
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
  WeightAverage* average;  // null: none; otherwise the averaged weights are saved as the model
  TrainerState& state;
};

struct CheckpointLimits {
  int64_t keep = 2;                      // newest checkpoints kept besides the best one and kept_steps
  int64_t with_state = 2;                // newest checkpoints that keep optimizer.safetensors and trainer.safetensors
  std::vector<int64_t> kept_steps = {};  // steps whose checkpoints are kept for train.average_best
};

// Writes checkpoints/step-NNNNNN under a temporary name, flushes it to disk and renames it. Then updates `latest` (and `best` if
// state.best_step is this step), and deletes what exceeds the limits. Throws ResourceError, leaving earlier checkpoints untouched.
void save_checkpoint(const std::filesystem::path& run, const CheckpointParts& parts, const CheckpointLimits& limits);

// Only deletes what exceeds the limits: for a finished run that was killed before it had done so.
void delete_old_checkpoints(const std::filesystem::path& run, const TrainerState& state, const CheckpointLimits& limits);

// Whether training can continue from the checkpoint: it holds the optimizer's state and not just the model.
bool has_training_state(const std::filesystem::path& checkpoint);

// train.keep=best: keeps only the best checkpoint's model (and checkpoints/average), and stores `state`, the final state of the run, with
// it. If this is interrupted, the run still counts as finished, and calling the function again completes it. Throws ResourceError;
// CheckpointError if the best checkpoint is missing.
void keep_best_alone(const std::filesystem::path& run, const TrainerState& state);

// Returns the newest complete checkpoint that training can continue from, or the one that train.keep=best left of a finished run; nothing
// if there is no checkpoint yet. Broken ones (a file is missing, truncated or not valid JSON) are named in the log and renamed to
// step-NNNNNN.broken, and `latest` and `best` are corrected. Throws CheckpointError if only broken ones remain, and for a complete one in
// the format of another version, which is left in place.
std::optional<std::filesystem::path> latest_checkpoint(const std::filesystem::path& run);

// Returns the newest readable config.json of a checkpoint; nothing if there is none. Skips broken checkpoints and changes nothing on disk.
std::optional<StoredModel> newest_stored_model(const std::filesystem::path& run);

// Throws CheckpointError naming the key if the checkpoint has another model or other options, as when folders were moved by hand.
void check_same_model(const std::filesystem::path& checkpoint, const ModelConfig& options);
// Throws CheckpointError if the checkpoint's labels are not these, in this order: its classifier would then learn them anew.
void check_same_labels(const std::filesystem::path& checkpoint, const std::vector<std::string>& labels);

// Restores the training state besides the model's weights, which are the checkpoint's already: optimizer, objective, and the weight average
// unless `average` is null. Throws CheckpointError.
void load_training_state(const std::filesystem::path& checkpoint, Optimizer& optimizer, Objective& objective, WeightAverage* average);

}  // namespace infig
