// Checkpoints of a run: RUN/checkpoints/step-NNNNNN, with `latest` and `best` beside them (interface.md "Run folder").
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "model/objective.h"
#include "model/pretrained.h"
#include "training/optimizer.h"

namespace infig {

// Where a run is: all that is not a tensor. Stored as trainer_state.json under the names Hugging Face uses.
struct TrainerState {
  int64_t global_step = 0;       // optimizer steps done
  int64_t epoch = 0;             // epoch under way (0-based)
  int64_t batch_in_epoch = 0;    // batches of it done
  double best_metric = -1;       // dev accuracy
  double best_f1_weighted = -1;  // breaks ties
  int64_t best_step = -1;
  int64_t evaluations_without_gain = 0;
  bool finished = false;
  nlohmann::json window;                                 // sums since the last line of metrics.jsonl
  nlohmann::json log_history = nlohmann::json::array();  // evaluations so far

  nlohmann::json to_json() const;
  static TrainerState from_json(const nlohmann::json& json, const std::string& where);  // throws CheckpointError
};

struct CheckpointParts {
  InfigModel& model;
  const Tokenizer& tokenizer;
  const std::vector<std::string>& labels;
  Optimizer& optimizer;
  Objective& objective;
  TrainerState& state;
};

// Writes checkpoints/step-NNNNNN aside, flushes it, renames it, then moves `latest` (and `best` when state.best_step is this step), and
// deletes the oldest beyond `keep` that are neither. Throws ResourceError and leaves the earlier checkpoints untouched.
void save_checkpoint(const std::filesystem::path& run, const CheckpointParts& parts, int64_t keep);

// checkpoints/latest, or nothing where there is no complete checkpoint yet.
std::optional<std::filesystem::path> latest_checkpoint(const std::filesystem::path& run);

TrainerState read_trainer_state(const std::filesystem::path& checkpoint);

// Restores weights, optimizer, twins and queue. Throws CheckpointError.
void load_checkpoint(const std::filesystem::path& checkpoint, InfigModel& model, Optimizer& optimizer, Objective& objective);

}  // namespace infig
