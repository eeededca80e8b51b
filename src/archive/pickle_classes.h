// Which classes and functions a pickle may name.
#pragma once

#include <string_view>

namespace infig {

// Whether no checkpoint has a reason to name this global: it lies in a module through which a pickle that is loaded elsewhere would act on
// the machine, or is one of Python's builtins that is no class of plain values. Such a file is refused as a whole; nothing is called in any
// case.
bool is_hostile_global(std::string_view module, std::string_view name);

}  // namespace infig
