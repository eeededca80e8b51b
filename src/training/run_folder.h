// The run folder as a place that one process at a time writes to, and what a killed one left in it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>

#include "core/guarded_folder.h"
#include "training/run_config.h"

namespace infig {

// Held as long as the run is written to: RUN/.lock under flock, which the system gives back however the process ends.
class RunLock {
 public:
  // Makes the folder where it is absent. Throws ResourceError where another process holds the lock, naming it where it said who it is, or
  // where the folder cannot be written to or .lock is a link.
  explicit RunLock(const std::filesystem::path& run);
  ~RunLock();
  RunLock(const RunLock&) = delete;
  RunLock& operator=(const RunLock&) = delete;
  void sign() const;  // writes process and host into the file, for the message of whoever comes second

 private:
  int descriptor_ = -1;
};

// Deletes what a killed process was writing beside its place (*.partial*, *.replaced-*) in the run folder, its cache, its checkpoints and
// each of those; none of these may be a link (check_no_links). Under the lock only.
void delete_leftovers(const GuardedFolder& run);

// Throws ConfigError naming the first key that differs from RUN/config.yaml and changes results; returns train.epochs of that file, which
// may grow. Published weights may have moved: where a key names another place, what lies there must have the hashes of `weights`
// (weights_sha256 of description.json; null: unknown).
int64_t check_same_config(const std::filesystem::path& written, const RunConfig& now, const nlohmann::json& weights);

}  // namespace infig
