// What a flag takes: numbers, said in the words in which keys of the config are refused.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>

namespace infig {

CLI::Validator whole_from(int64_t low);  // "expected a whole number of at least 1, found 0"
CLI::Validator whole_between(int64_t low, int64_t high);
CLI::Validator number_between(double low, double high);

// Refuses a run folder where the folder of a model is expected, and names that of its best checkpoint.
CLI::Validator no_run_folder();

}  // namespace infig
