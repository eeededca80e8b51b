// Writes a run's metrics.jsonl, timings.jsonl, bad-pictures.csv and TensorBoard events.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/guarded_folder.h"
#include "tensor/loader.h"
#include "training/event_file.h"
#include "training/session.h"

namespace infig {

class Journal {
 public:
  // Opens the run's files. With from_step >= 0 the run continues at that step, and lines of later steps are removed. With `tensorboard` the
  // metrics are also written to an event file in RUN/tensorboard.
  Journal(const std::filesystem::path& run, int64_t from_step, bool tensorboard);

  void write_metrics(const nlohmann::json& line);  // writes one line and flushes it; throws ResourceError
  void sync();                                     // forces metrics.jsonl to disk (fsync)
  void write_timing(const nlohmann::json& line);
  // Writes bad-pictures.csv and logs a summary, unless the number of pictures is the same as at the last call.
  void write_bad_pictures(const std::vector<BadPicture>& pictures);

 private:
  GuardedFolder folder_;
  std::optional<DescriptorStream> metrics_, timings_;
  std::optional<EventFile> events_;
  size_t written_bad_pictures_ = 0;
};

// Averages step results between two lines of metrics.jsonl. Part of the checkpoint, so that a resumed run writes the same lines.
class LossWindow {
 public:
  // `names`: Objective::loss_names().
  explicit LossWindow(const std::vector<std::string>& names = {});
  void add(const StepResult& step);
  bool empty() const { return steps_ == 0; }
  nlohmann::json line() const;  // means: loss, loss_classification, grad_norm, and loss_NAME of every other loss that had posts
  std::string note() const;     // for the progress bar
  void clear();
  nlohmann::json state() const;
  void restore(const nlohmann::json& state);

 private:
  struct Part {
    std::string name;
    int64_t steps = 0;  // steps in which it had posts
    double sum = 0;
  };
  int64_t steps_ = 0;
  double loss_ = 0, classification_ = 0, grad_norm_ = 0;
  std::vector<Part> parts_;
};

}  // namespace infig
