// What a verb that several ranks share begins with.
#pragma once

#include "distributed/ranks.h"

namespace infig {

// The launcher's ranks; only the first one logs, apart from errors, and all stop where a signal asks one to.
Ranks& ranks_of_verb();

}  // namespace infig
