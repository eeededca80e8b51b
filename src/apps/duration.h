// Times as people type them.
#pragma once

#include <string>

namespace infig {

// Seconds of "90", "90s", "30m", "2h", "1h30m", "1d". Throws ConfigError naming the flag for anything else, and for nothing at all.
double parse_duration(const std::string& flag, const std::string& text);

}  // namespace infig
