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

// --threads of every verb: 0 is all cores.
void add_threads_flag(CLI::App& verb, int64_t& threads, const std::string& help);
// The number that it stands for.
int64_t threads_of_flag(int64_t threads);

// The draw of those posts, where they are drawn: as train's --limit with seed=1.
constexpr uint64_t kLimitSeed = 1;

// --limit: at most so many posts, to try things.
void add_limit_flag(CLI::App& verb, int64_t& limit, const std::string& help);

// --data of the verbs that take every form of data set.
void add_data_flag(CLI::App& verb, std::string& data);

}  // namespace infig
