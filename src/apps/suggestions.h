// What may have been meant by a verb or a flag that is not there.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace infig {

// "infig prepare": the words that lead to a verb.
std::string verb_path(const CLI::App& verb);

// The verbs of the program, or the kinds of a verb.
std::vector<std::string> children_of(const CLI::App& parent);

// Whether the verb takes key=value pairs of the config.
bool takes_keys(const CLI::App& verb);

// The message for a word that is no verb (no kind, where `parent` is a verb with kinds): at most three lines, with the nearest one and the
// whole list.
std::string unknown_verb(const CLI::App& parent, const std::string& word);

// The message where a verb's kind is missing.
std::string missing_kind(const CLI::App& verb);

// The message for a flag that `verb` does not have, typed as "--epochs" with the value "3" (empty: none was seen): the key, flag or verb
// that may be meant.
std::string unknown_flag(const CLI::App& verb, const std::string& flag, const std::string& value);

// The same for a pair, "epochs=3", of a verb that reads no config.
std::string unknown_pair(const CLI::App& verb, const std::string& pair);

// Flags of a verb, with their dashes, without the help's: "--config".
std::vector<std::string> long_flags(const CLI::App& verb);

}  // namespace infig
