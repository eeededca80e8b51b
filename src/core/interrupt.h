// Stops long work between two of its steps when a signal has arrived.
#pragma once

#include <atomic>
#include <string>

#include "core/error.h"

namespace infig {

// Throws Interrupted with `message` and exit code 128 + signal if *stop holds a signal's number. `stop` may be null: nothing stops the
// work.
inline void throw_if_stopped(const std::atomic<int>* stop, const std::string& message) {
  if (stop == nullptr) return;
  if (const int signal = stop->load(); signal != 0) throw Interrupted(message, 128 + signal);
}

}  // namespace infig
