// What numbers a flag takes, said in the words in which keys of the config are refused.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>

namespace infig {

CLI::Validator whole_from(int64_t low);  // "expected a whole number of at least 1, found 0"
CLI::Validator whole_between(int64_t low, int64_t high);
CLI::Validator number_between(double low, double high);

}  // namespace infig
