// What a run takes on the disk, said before it trains.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "training/run_config.h"
#include "training/session.h"

namespace infig {

// Bytes of the tensors in one checkpoint's files. Beside them lie some kilobytes of JSON, and the tokenizer's files.
struct CheckpointSize {
  int64_t model = 0, optimizer = 0, training = 0;  // model.safetensors, optimizer.safetensors, trainer.safetensors
  int64_t all() const { return model + optimizer + training; }
};

struct DiskPlan {
  CheckpointSize checkpoint;
  int64_t with_state = 0, models = 0;  // checkpoints of both kinds that are there at once, the one that is being written among them
  int64_t most = 0;                    // bytes of all of them, and of checkpoints/average
  int64_t at_end = 0;                  // bytes that a finished run leaves
};

CheckpointSize checkpoint_size(Session& session);

// How many checkpoints a run of so many steps may write: bounds what is there at once.
int64_t planned_saves(const TrainOptions& train, int64_t steps_per_epoch);

// Of a run that writes `saves` checkpoints. The best one, those of train.average_best and the newest train.save_total_limit are there at
// once, and one more while it is written; train.save_state_limit of them, and that one, with all of their files.
DiskPlan plan_disk(const CheckpointSize& size, const TrainOptions& train, int64_t saves);

std::string describe(const DiskPlan& plan);  // "a checkpoint takes 310 MB (model 100, ...); up to ..., ... at the end"

// Throws ResourceError naming both figures where the disk has less than the plan wants beyond what the run's checkpoints take already.
void check_disk(const std::filesystem::path& run, const DiskPlan& plan, const TrainOptions& train);

}  // namespace infig
