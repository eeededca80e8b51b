// What a run cost, read from its folder.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace infig {

struct RunCost {
  double train_seconds = 0;  // all epochs in timings.jsonl, those before a crash included; 0: unknown
  double train_rate = 0;     // posts/s over these epochs; 0: unknown
  double predict_rate = 0;   // posts/s of the evaluation of `split`, from eval/SPLIT-speed.json; 0: unknown
  int64_t parameters = 0;    // of the best checkpoint, BatchNorm's statistics left out; 0: unknown
};

// Throws CheckpointError or DataError for files that are broken; absent ones leave their values 0.
RunCost read_run_cost(const std::filesystem::path& run, const std::string& split);

double train_seconds_of(const std::filesystem::path& run);
int64_t parameters_of(const std::filesystem::path& checkpoint);  // of CHECKPOINT/model.safetensors

// Keeps how fast a split was scored, for read_run_cost().
void write_speed(const std::filesystem::path& run, const std::string& split, int64_t posts, double seconds);

}  // namespace infig
