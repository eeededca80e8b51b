#include "apps/ranks_of_verb.h"

#include <ATen/Parallel.h>

#include "apps/signals.h"
#include "core/log.h"

namespace infig {

Ranks& ranks_of_verb() {
  Ranks& ranks = Ranks::world();
  ranks.watch(watch_signals());
  if (!ranks.first()) log_quiet(true);
  if (ranks.several()) at::set_num_threads(ranks.threads());  // unless a config or flag says otherwise
  return ranks;
}

}  // namespace infig
