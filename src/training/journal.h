// What a run writes besides checkpoints: config.yaml, description.json, metrics.jsonl, timings.jsonl, bad-pictures.csv.
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
  // Opens the run's files. When `from_step` >= 0 the run continues there: later lines of metrics.jsonl are dropped.
  // With `tensorboard` the metrics also go into an event file in RUN/tensorboard.
  Journal(const std::filesystem::path& run, int64_t from_step, bool tensorboard);

  void write_metrics(const nlohmann::json& line);  // one line, flushed; throws ResourceError
  void sync();                                     // metrics.jsonl to the disk itself
  void write_timing(const nlohmann::json& line);
  // bad-pictures.csv, and a summary in the log; nothing where there are no more of them than last time.
  void write_bad_pictures(const std::vector<BadPicture>& pictures);

 private:
  GuardedFolder folder_;
  std::optional<DescriptorStream> metrics_, timings_;
  std::optional<EventFile> events_;
  size_t written_bad_pictures_ = 0;
};

// Sums of step results between two lines of metrics.jsonl. Kept in the checkpoint, so that a resumed run writes the same lines.
class LossWindow {
 public:
  // `names`: Objective::loss_names().
  explicit LossWindow(const std::vector<std::string>& names = {});
  void add(const StepResult& step);
  bool empty() const { return steps_ == 0; }
  nlohmann::json line() const;  // means: loss, loss_classification, loss_NAME of each other part that counted posts, grad_norm
  std::string note() const;     // for the progress bar
  void clear();
  nlohmann::json state() const;
  void restore(const nlohmann::json& state);

 private:
  struct Part {
    std::string name;
    int64_t steps = 0;  // in which it counted posts
    double sum = 0;
  };
  int64_t steps_ = 0;
  double loss_ = 0, classification_ = 0, grad_norm_ = 0;
  std::vector<Part> parts_;
};

}  // namespace infig
