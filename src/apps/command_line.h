// What is typed, before and after CLI11 parses it: verbs and flags that are not there, values that are missing or said twice, and the pairs
// NAME=VALUE that stand for flags.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace infig {

// The words behind "infig" as the parser takes them:
//   help VERB [KIND]          -> VERB [KIND] --help
//   NAME=VALUE, data.limit=N  -> --NAME VALUE where a verb reads no config but has that flag; --limit=N: data.limit=N where it reads one
//   a flag twice, with one value -> once
// Throws ConfigError for everything that has to be refused by name: an unknown verb, kind or flag (with what may be meant), a value that is
// missing, a flag with two values, "key = value" with blanks. A word that follows a flag with a value is that value, whatever it looks
// like, unless it is itself a flag of the verb.
std::vector<std::string> read_words(const CLI::App& app, const std::vector<std::string>& words);

// Parses, and with that runs the verb. Returns the exit code of --help and --version (0), or of nothing at all (2, the help on stderr).
// Throws ConfigError with all that is required and missing, or with what is wrong with a value.
int run_command_line(CLI::App& app, const std::vector<std::string>& words);

}  // namespace infig
