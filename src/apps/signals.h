// Ctrl-C, SIGTERM and SIGUSR1 as a flag that long work checks between steps; a second signal ends the process at once.
#pragma once

#include <atomic>

namespace infig {

// Installs the handlers and returns the flag: 0, or the signal's number.
const std::atomic<int>* watch_signals();

}  // namespace infig
