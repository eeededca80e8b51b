// What infig train --dry-run prints.
#pragma once

#include <string>

#include "data/post.h"
#include "training/dry_run.h"

namespace infig {

void print_dry_run(const DryRun& found, const DataSet& data, const RunConfig& config, const std::string& run);

}  // namespace infig
