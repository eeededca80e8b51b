#include "apps/ranks_of_verb.h"

#include <ATen/Parallel.h>

#include <cstdlib>

#include "apps/signals.h"
#include "core/log.h"

namespace infig {
namespace {

// Set by OpenMPI's mpirun, and by anything that speaks PMI or PMIx (srun).
bool launched() {
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMIX_NAMESPACE", "PMI_SIZE"}) {
    if (std::getenv(name) != nullptr) return true;
  }
  return false;
}

}  // namespace

Ranks& ranks_of_verb() {
  Ranks& ranks = launched() ? Ranks::world() : Ranks::alone();
  ranks.watch(watch_signals());
  if (!ranks.first()) log_from(LogLevel::kError);             // the first one says what is the same in all
  if (ranks.several()) at::set_num_threads(ranks.threads());  // unless a config or flag says otherwise
  return ranks;
}

}  // namespace infig
