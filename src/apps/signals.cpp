#include "apps/signals.h"

#include <unistd.h>

#include <csignal>

namespace infig {
namespace {

std::atomic<int> received{0};

void on_signal(int signal) {
  if (received.exchange(signal) != 0) ::_exit(128 + signal);
}

}  // namespace

const std::atomic<int>* watch_signals() {
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
  std::signal(SIGUSR1, on_signal);  // what mpirun passes on to its ranks, and Slurm sends ahead of the end
  return &received;
}

}  // namespace infig
