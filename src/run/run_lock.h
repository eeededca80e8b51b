// Whether a run folder is being written to. The lock itself is RunLock in training/run_folder.h.
#pragma once

#include <filesystem>

namespace infig {

// Returns whether a process holds RUN/.lock. Writes nothing and does not wait. Returns false if there is no readable .lock.
bool is_locked(const std::filesystem::path& run);

}  // namespace infig
