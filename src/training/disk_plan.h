// Estimates the disk space of a run before it trains.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "training/run_config.h"
#include "training/session.h"

namespace infig {

// Bytes of the tensors in one checkpoint's files. Some kilobytes of JSON and the tokenizer's files come on top.
struct CheckpointSize {
  int64_t model = 0, optimizer = 0, training = 0;  // model.safetensors, optimizer.safetensors, trainer.safetensors
  int64_t all() const { return model + optimizer + training; }
};

struct DiskPlan {
  CheckpointSize checkpoint;
  int64_t saves = 0;                   // upper bound on the number of checkpoints that the run writes
  int64_t with_state = 0, models = 0;  // largest number at one time, with and without training state, including the one being written
  int64_t most = 0;                    // bytes of all of these, and of checkpoints/average
  int64_t at_end = 0;                  // bytes that remain when the run has finished
};

CheckpointSize checkpoint_size(Session& session);

// Upper bound on the number of checkpoints that the run writes.
int64_t planned_saves(const TrainOptions& train, int64_t steps_per_epoch);

// The plan of a run that writes `saves` checkpoints. It keeps the best one, those of train.average_best and the newest
// train.save_total_limit, and one more while that is written. The newest train.save_state_limit and the one being written have all files.
DiskPlan plan_disk(const CheckpointSize& size, const TrainOptions& train, int64_t saves);

std::string describe(const DiskPlan& plan);  // "a checkpoint takes 310 MB (model 100, ...); up to ..., ... at the end"

// Throws ResourceError naming both figures if the disk has less free space than the plan needs in addition to the run's present
// checkpoints.
void check_disk(const std::filesystem::path& run, const DiskPlan& plan, const TrainOptions& train);

}  // namespace infig
