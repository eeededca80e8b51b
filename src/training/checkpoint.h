// Checkpoints of a run: RUN/checkpoints/step-NNNNNN, with `latest` and `best` beside them (interface.md "Run folder").
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "model/pretrained.h"
#include "training/loss_scaler.h"
#include "training/optimizer.h"
#include "training/weight_average.h"

namespace infig {

// Where a run is: all that is not a tensor. Stored as trainer_state.json under the names Hugging Face uses.
struct TrainerState {
  int64_t global_step = 0;       // optimizer steps done
  int64_t epoch = 0;             // epoch under way (0-based)
  int64_t batch_in_epoch = 0;    // batches of it done
  double best_metric = -1;       // value of train.best_metric on dev; counts where best_step >= 0
  double best_f1_weighted = -1;  // breaks ties
  int64_t best_step = -1;
  int64_t evaluations_without_gain = 0;
  int64_t skipped_steps = 0;      // train.on_nan=skip
  int64_t skipped_in_a_row = 0;   // the last of them
  int64_t overflowed_steps = 0;   // of fp16's scaled gradients
  LossScaler::State loss_scaler;  // of fp16
  bool finished = false;
  nlohmann::json window;                                 // sums since the last line of metrics.jsonl
  nlohmann::json log_history = nlohmann::json::array();  // evaluations so far

  nlohmann::json to_json() const;
  static TrainerState from_json(const nlohmann::json& json, const std::string& where);  // throws CheckpointError
};

struct CheckpointParts {
  SavedModel model;
  Optimizer& optimizer;
  Objective& objective;
  WeightAverage* average;  // null: none; where there is one, it is what is saved as the model
  TrainerState& state;
};

std::string checkpoint_name(int64_t step);  // "step-000500"

// Writes checkpoints/step-NNNNNN aside, flushes it, renames it, then moves `latest` (and `best` when state.best_step is this step), and
// deletes the oldest beyond `keep` that are neither, nor of `kept_steps`. Throws ResourceError and leaves the earlier checkpoints
// untouched.
void save_checkpoint(const std::filesystem::path& run, const CheckpointParts& parts, int64_t keep,
                     const std::vector<int64_t>& kept_steps = {});

// The newest whole checkpoint, or nothing where there is none yet. One that is broken (a file that is absent, cut off or no JSON) is
// named in the log and moved aside (step-NNNNNN.broken), and `latest` and `best` are set to what is left. Throws CheckpointError where all
// of them are broken, and for a whole one of another format (written by another version), which stays where it is.
std::optional<std::filesystem::path> latest_checkpoint(const std::filesystem::path& run);

TrainerState read_trainer_state(const std::filesystem::path& checkpoint);

// The newest checkpoint as it is found, looked at from outside: nothing is moved, logged or checked but that its config.json is there.
std::optional<std::filesystem::path> newest_checkpoint(const std::filesystem::path& run);

// Throws CheckpointError naming the key where the checkpoint is of another model, or of one with other options: folders that were moved
// by hand.
void check_same_model(const std::filesystem::path& checkpoint, const ModelConfig& options);

// Restores what training adds to the model, which holds the checkpoint's weights already: optimizer, the objective's state, and the average
// where there is one. Throws CheckpointError.
void load_training_state(const std::filesystem::path& checkpoint, Optimizer& optimizer, Objective& objective, WeightAverage* average);

}  // namespace infig
