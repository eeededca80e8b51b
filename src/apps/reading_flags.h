// --columns, --members and --quote: how verbs are told what a table means.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "data/table_reading.h"

namespace infig {

struct ReadingFlags {
  std::vector<std::string> columns, members;
  std::string quote = "auto";

  TableReading reading(const std::string& format = "") const;  // throws ConfigError
};
void add_reading_flags(CLI::App& verb, ReadingFlags& flags);

}  // namespace infig
