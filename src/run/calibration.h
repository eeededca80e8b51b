// The temperature that was fitted for a checkpoint: calibration.json beside its weights. Free of torch.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace infig {

struct Calibration {
  double temperature = 1;
  std::string split = "dev";               // that it was fitted on
  int64_t posts = 0;                       // of it, with a label
  std::string data = {};                   // name of the data set; empty in files of before it was written
  std::string data_sha256 = {};            // of its posts
  double loss_before = 0, loss_after = 0;  // mean cross-entropy on that split, nats
  double ece_before = 0, ece_after = 0;
};

// `run` as find_checkpoint() takes it. A checkpoint of another step has none until it is fitted anew.
void write_calibration(const std::filesystem::path& run, const Calibration& calibration);  // atomically
std::optional<Calibration> read_calibration(const std::filesystem::path& run);  // none: never fitted; CheckpointError for a broken file

}  // namespace infig
