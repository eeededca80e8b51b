// Ctrl-C, SIGTERM and SIGUSR1 as a flag that long work checks between steps; a second signal ends the process at once.
#pragma once

#include <atomic>
#include <filesystem>
#include <optional>

#include "core/guarded_folder.h"

namespace infig {

// Installs the handlers and returns the flag: 0, or the signal's number.
const std::atomic<int>* watch_signals();

// A private folder that is gone when the process is: also where one of these signals ends it, at once and at whatever moment. For work that
// has nothing to save. To be made while the process has one thread: the signals are then for a thread of its own alone. A thread that was
// there before and takes one all the same sets watch_signals()'s flag, which such work looks at between its steps.
class FolderUntilTheEnd {
 public:
  explicit FolderUntilTheEnd(const std::string& name);
  ~FolderUntilTheEnd();
  FolderUntilTheEnd(const FolderUntilTheEnd&) = delete;
  FolderUntilTheEnd& operator=(const FolderUntilTheEnd&) = delete;
  const std::filesystem::path& path() const { return folder_.path(); }

 private:
  PrivateFolder folder_;
};

}  // namespace infig
