// The inside of train() (trainer.h): one start of a run, from opening its folder (trainer_start.cpp) through its steps to its end
// (trainer.cpp).
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/progress.h"
#include "run/trainer_state.h"
#include "training/checkpoint.h"
#include "training/journal.h"
#include "training/run_folder.h"
#include "training/session.h"
#include "training/trainer.h"

namespace infig {

class TrainingRun {
 public:
  TrainingRun(const TrainRequest& request, const DataSet& data) : request_(request), data_(data), ranks_(*request.ranks) {}
  TrainOutcome execute();

 private:
  using Clock = std::chrono::steady_clock;

  // Opening the folder.
  void check_same_data() const;
  bool open_folder();           // false: the run is finished, or as far as it is to go, already
  bool open_folder_together();  // the first rank opens it, the others learn what it found
  void continue_from_checkpoint(int64_t epochs_before);
  void find_best_again();  // where the best checkpoint's weights are gone
  bool may_go_on() const;  // a finished run: more epochs than before, or more patience
  void make_session();
  void withdraw();  // a new run that failed before its first step leaves nothing but the cache
  void write_description() const;
  void say_what_follows();
  TrainOutcome already_finished();

  // Its steps.
  void train_epoch(int64_t epoch);
  void after_step(const StepResult& step, int64_t epoch, int64_t batches, ProgressBar& bar);
  bool ends_a_plan(int64_t epochs_done) const;  // train.epochs, as it is or was before it grew
  void evaluate(bool counts);                   // counts: for train.patience
  void save();
  void write_metrics(const nlohmann::json& line);  // the first rank does
  void stop_if_asked();
  bool paused() const { return request_.pause_after_epochs > 0 && state_.epoch >= request_.pause_after_epochs; }

  // Its end.
  TrainOutcome outcome() const;
  TrainOutcome paused_outcome() const;
  TrainOutcome out_of_time_outcome() const;
  void count_the_pictures();  // in description.json and at the end of the log; collective
  void clear_up() const;      // train.average_best, train.keep
  void say_done() const;
  std::string best_so_far() const;
  std::vector<int64_t> kept_steps() const;
  CheckpointLimits limits() const;

  const TrainRequest& request_;
  const DataSet& data_;
  Ranks& ranks_;
  Clock::time_point began_ = Clock::now();
  std::optional<RunLock> lock_;
  bool made_folder_ = false, fresh_ = false;     // by this start; it held nothing before
  nlohmann::json description_;                   // of this start
  std::map<std::string, std::string> features_;  // Session::features() of an earlier one
  std::optional<std::filesystem::path> checkpoint_;
  std::unique_ptr<Session> session_;
  std::unique_ptr<Journal> journal_;
  TrainerState state_;
  LossWindow window_;
  bool evaluated_ = false;         // at this very step
  double evaluation_seconds_ = 0;  // of the last one
  bool out_of_time_ = false;
};

}  // namespace infig
