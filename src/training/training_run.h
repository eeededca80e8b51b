// Implementation of train() (trainer.h): one start of a run, from opening its folder (trainer_start.cpp) to its steps and its end
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

  // Opening the run folder.
  void check_same_data() const;
  bool open_folder();           // false: there is nothing to train, the run is finished or paused
  bool open_folder_together();  // the first rank opens it and tells the others what it found
  void continue_from_checkpoint(int64_t epochs_before);
  void find_best_again();  // if the best checkpoint's weights are gone
  bool may_go_on() const;  // whether more epochs or patience continue a finished run
  void make_session();
  void withdraw();  // removes a new run that failed before its first step, except for the cache
  void write_description() const;
  void say_what_follows();
  TrainOutcome already_finished();

  // Training.
  void train_epoch(int64_t epoch);
  void after_step(const StepResult& step, int64_t epoch, int64_t batches, ProgressBar& bar);
  bool ends_a_plan(int64_t epochs_done) const;  // whether train.epochs has, or once had, this value
  void evaluate(bool counts);                   // counts: towards train.patience
  void save();
  void write_metrics(const nlohmann::json& line);  // on the first rank only
  void stop_if_asked();
  bool paused() const { return request_.pause_after_epochs > 0 && state_.epoch >= request_.pause_after_epochs; }

  // The end of a start.
  TrainOutcome outcome() const;
  TrainOutcome paused_outcome() const;
  TrainOutcome out_of_time_outcome() const;
  void count_the_pictures();  // into description.json and the log; collective
  void clear_up() const;      // applies train.average_best and train.keep
  void say_done() const;
  std::string best_so_far() const;
  std::vector<int64_t> kept_steps() const;
  CheckpointLimits limits() const;

  const TrainRequest& request_;
  const DataSet& data_;
  Ranks& ranks_;
  Clock::time_point began_ = Clock::now();
  std::optional<RunLock> lock_;
  bool made_folder_ = false, fresh_ = false;     // this start created the folder; it held no run before
  nlohmann::json description_;                   // description.json of this start
  std::map<std::string, std::string> features_;  // Session::features() of an earlier start
  std::optional<std::filesystem::path> checkpoint_;
  std::unique_ptr<Session> session_;
  std::unique_ptr<Journal> journal_;
  TrainerState state_;
  LossWindow window_;
  bool evaluated_ = false;         // at the current step
  double evaluation_seconds_ = 0;  // duration of the last evaluation
  bool out_of_time_ = false;
};

}  // namespace infig
