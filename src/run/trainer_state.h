// Where a run is: all that is not a tensor. Stored as trainer_state.json under the names Hugging Face uses. Free of torch.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace infig {

struct LossScale {
  double scale = 65536;
  int64_t good_steps = 0;  // since the last change
};

struct TrainerState {
  int64_t global_step = 0;              // optimizer steps done
  int64_t epoch = 0;                    // epoch under way (0-based)
  int64_t batch_in_epoch = 0;           // batches of it done
  std::vector<int64_t> planned_epochs;  // what train.epochs was when the run was started, and each time it grew; empty: not stored
  // Of dev: value of train.best_metric at best_step, and what breaks ties. NaN (null in the file) where no dev post was scored: without a
  // dev split the last step is the best.
  double best_metric = std::numeric_limits<double>::quiet_NaN();
  double best_f1_weighted = std::numeric_limits<double>::quiet_NaN();
  int64_t best_step = -1;
  int64_t evaluations_without_gain = 0;
  double gain_metric =
      std::numeric_limits<double>::quiet_NaN();  // what the next evaluation must be better than, by train.min_delta; NaN: none
  int64_t skipped_steps = 0;                     // train.on_nan=skip
  int64_t skipped_in_a_row = 0;                  // the last of them
  int64_t overflowed_steps = 0;                  // of fp16's scaled gradients
  LossScale loss_scaler;                         // of fp16
  bool finished = false;
  nlohmann::json window;                                 // sums since the last line of metrics.jsonl: numbers, or null
  nlohmann::json log_history = nlohmann::json::array();  // evaluations so far: {"step": 12, "eval_accuracy": .5, ...}, NaN as null

  bool scored() const { return !log_history.empty(); }  // on dev, once at least
  nlohmann::json to_json() const;
  // Throws CheckpointError naming the key that is absent, of another type or out of range.
  static TrainerState from_json(const nlohmann::json& json, const std::string& where);
};

TrainerState read_trainer_state(const std::filesystem::path& checkpoint);

// A checkpoint of another format is whole: nothing is wrong with it but who reads it. Throws CheckpointError where trainer_state.json can
// be read and names another format than this program's.
void check_checkpoint_format(const std::filesystem::path& checkpoint);

// "in epoch 5", or "after epoch 4" where the fifth has not begun.
std::string epoch_words(const TrainerState& state);

}  // namespace infig
