// The verbs. Adding one: a file cmd_<verb>.cpp with its add function, a line here, a line in main.cpp's list.
// An add function makes the subcommand with its flags and help (with an example) and sets a callback that does the work;
// errors are thrown as infig::Error and turned into exit codes by main.
// allocator.cpp configures jemalloc for the whole program; nothing calls it.
#pragma once

#include <CLI/CLI.hpp>

namespace infig {

void add_prepare(CLI::App& app);
void add_verify_data(CLI::App& app);
void add_train(CLI::App& app);
void add_evaluate(CLI::App& app);
void add_ablate(CLI::App& app);
void add_sweep(CLI::App& app);
void add_reproduce(CLI::App& app);
void add_compare(CLI::App& app);
void add_runs(CLI::App& app);
void add_predict(CLI::App& app);
void add_encode(CLI::App& app);
void add_tokenize(CLI::App& app);
void add_weights(CLI::App& app);
void add_anchors(CLI::App& app);
void add_losses(CLI::App& app);
void add_doctor(CLI::App& app);
void add_bench(CLI::App& app);
void add_help(CLI::App& app);
void add_completion(CLI::App& app);

}  // namespace infig
