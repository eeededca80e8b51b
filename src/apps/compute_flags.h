// The flags of the verbs that run a network over posts.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>

namespace infig {

// Where the values go; they must outlive the parsing. What they hold before it are the defaults.
struct ComputeFlags {
  int64_t& batch_size;
  int64_t& threads;
  int64_t& workers;
  const char* batch_help = "posts a batch";
  const char* workers_help = "threads that read pictures";
  bool workers_may_be_none = false;  // 0: the main thread reads
};

// --batch-size, --threads, --workers.
void add_compute_flags(CLI::App& verb, const ComputeFlags& flags);

// --data of the verbs that take every form of data set.
void add_data_flag(CLI::App& verb, std::string& data);

}  // namespace infig
