// stderr as the place of messages and progress bars.
#pragma once

namespace infig {

// From here on log messages and, where stderr is a terminal, progress bars are written to stderr: "warning: ...", the level in colour on
// a terminal unless NO_COLOR is set.
void use_terminal();

}  // namespace infig
