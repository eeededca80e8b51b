#include "apps/signals.h"

#include <pthread.h>
#include <unistd.h>

#include <csignal>
#include <string>
#include <thread>

namespace infig {
namespace {

std::atomic<int> received{0};

void on_signal(int signal) {
  if (received.exchange(signal) != 0) ::_exit(128 + signal);
}

sigset_t ending_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGUSR1, SIGHUP}) sigaddset(&set, signal);
  return set;
}

}  // namespace

FolderUntilTheEnd::FolderUntilTheEnd(const std::string& name) : folder_(name) {
  const sigset_t set = ending_signals();
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);  // inherited by every thread that is started from here on
  // Deleting a folder is nothing that a handler may do; a thread that waits for the signals may.
  std::thread([set, path = folder_.path()] {
    int signal = 0;
    if (::sigwait(&set, &signal) != 0) return;
    std::error_code ignored;
    // Work goes on meanwhile and may be writing there.
    for (int tries = 0; tries < 5 && std::filesystem::exists(path, ignored); ++tries) std::filesystem::remove_all(path, ignored);
    ::_exit(128 + signal);
  }).detach();
}

FolderUntilTheEnd::~FolderUntilTheEnd() = default;

const std::atomic<int>* watch_signals() {
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
  std::signal(SIGUSR1, on_signal);  // what mpirun passes on to its ranks, and Slurm sends ahead of the end
  return &received;
}

}  // namespace infig
