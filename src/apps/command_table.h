// The program's verbs and flags as a table, taken from the parser: what completion is made of.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace infig {

enum class ValueKind {
  kNone,   // a switch
  kOther,  // a number or a text: nothing to complete
  kWords,  // one of a fixed set
  kFile,   // a file, or a folder on the way to it
  kFolder,
};

struct TableValue {
  ValueKind kind = ValueKind::kOther;
  std::vector<std::string> words = {};  // of kWords
};

struct TableFlag {
  std::string name;  // "--config"
  std::string help;  // its first words, on one line
  TableValue value;
};

struct TableVerb {
  std::vector<std::string> path;  // {"prepare", "table"}; empty: the program itself
  std::string help;
  std::vector<TableFlag> flags;
  std::vector<TableValue> places;     // what stands without a flag, in order
  std::vector<std::string> children;  // verbs, or kinds of this verb
  bool takes_keys = false;            // key=value pairs of the config
};

// Names in every verb's help what its flags take: FILE, FOLDER or PATH (either of the two) where CLI11 says TEXT.
void name_places(CLI::App& app);

// The program first, then its verbs and their kinds.
std::vector<TableVerb> command_table(const CLI::App& app);

// What a key of the config takes.
struct ConfigKey;
TableValue value_of_key(const ConfigKey& key);

}  // namespace infig
