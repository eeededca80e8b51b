// The run folder as a place that one process at a time writes to, and what a killed one left in it.
#pragma once

#include <filesystem>

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

// Throws ConfigError naming the first key that differs from RUN/config.yaml and changes results.
void check_same_config(const std::filesystem::path& written, const RunConfig& now);

}  // namespace infig
