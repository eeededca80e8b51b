// What description.json says of how a run was started.
#pragma once

#include <string>

namespace infig {

// {"version", "git", "command", "host", "preset"} as JSON; the preset is the config's name.
std::string describe_run(const std::string& config);

}  // namespace infig
