// Completion scripts for shells, made from the table of verbs and flags: completion_bash.cpp, completion_zsh.cpp, completion_fish.cpp.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace infig {

// Each is a script to be sourced: verbs, kinds, flags, the values of flags and keys that have a fixed set, files and folders where one is
// expected, and the keys of the config where a verb takes them.
std::string bash_completion(const CLI::App& app);
std::string zsh_completion(const CLI::App& app);
std::string fish_completion(const CLI::App& app);

}  // namespace infig
