// Locks a run folder for one process, deletes what a killed process left in it, and checks a resumed run's config.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>

#include "core/guarded_folder.h"
#include "training/run_config.h"

namespace infig {

// Exclusive lock (flock) on RUN/.lock for as long as the run is written to. The system releases it however the process ends.
class RunLock {
 public:
  // Creates the folder if necessary. Throws ResourceError if another process holds the lock (naming it if known), if the folder cannot be
  // written to, or if .lock is a link.
  explicit RunLock(const std::filesystem::path& run);
  ~RunLock();
  RunLock(const RunLock&) = delete;
  RunLock& operator=(const RunLock&) = delete;
  void sign() const;  // writes process id and host into the file, for the error message of a second process

 private:
  int descriptor_ = -1;
};

// Whether `name` is that of a file or folder that a killed process left unfinished.
bool is_leftover(const std::string& name);

// Deletes unfinished files of a killed process (*.partial*, *.replaced-*) in the run folder, its cache, its checkpoints folder and each
// checkpoint. None of these folders may be a link (check_no_links). Requires the lock.
void delete_leftovers(const GuardedFolder& run);

// Throws ConfigError naming the first key that differs from RUN/config.yaml and changes results. train.epochs may grow; the file's value of
// it is returned. Published weights may have moved: if a key names another path, the files there must have the hashes of `weights`
// (weights_sha256 of description.json; null: unknown).
int64_t check_same_config(const std::filesystem::path& written, const RunConfig& now, const nlohmann::json& weights);

}  // namespace infig
