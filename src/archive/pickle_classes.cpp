#include "archive/pickle_classes.h"

#include <algorithm>
#include <array>

namespace infig {
namespace {

// What no checkpoint needs: modules through which a pickle that is loaded elsewhere would act on the machine.
constexpr std::array<std::string_view, 24> kHostileModules = {
    "os",         "posix",     "nt",     "subprocess", "sys",       "shutil", "socket",  "pty",
    "runpy",      "importlib", "ctypes", "commands",   "posixpath", "pip",    "code",    "codeop",
    "webbrowser", "pdb",       "bdb",    "timeit",     "requests",  "urllib", "asyncio", "multiprocessing"};
// Of Python's builtins these alone are classes of plain values (getattr names members of an enum).
constexpr std::array<std::string_view, 17> kPlainBuiltins = {"set",    "frozenset", "complex", "slice", "range",  "bytearray",
                                                             "object", "int",       "float",   "str",   "list",   "dict",
                                                             "tuple",  "bool",      "bytes",   "type",  "getattr"};

}  // namespace

bool is_hostile_global(std::string_view module, std::string_view name) {
  if (module == "builtins" || module == "__builtin__")
    return std::find(kPlainBuiltins.begin(), kPlainBuiltins.end(), name) == kPlainBuiltins.end();
  const std::string_view top = module.substr(0, module.find('.'));
  return std::find(kHostileModules.begin(), kHostileModules.end(), top) != kHostileModules.end();
}

}  // namespace infig
