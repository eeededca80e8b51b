#include "apps/build_info.h"

namespace infig {

const char* build_commit() { return INFIG_GIT; }

}  // namespace infig
