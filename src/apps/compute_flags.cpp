#include "apps/compute_flags.h"

#include <algorithm>
#include <thread>

#include "apps/validators.h"

namespace infig {

void add_compute_flags(CLI::App& verb, const ComputeFlags& flags) {
  const CLI::Validator one_or_more = whole_from(1), none_or_more = whole_from(0);
  verb.add_option("--batch-size", flags.batch_size, flags.batch_help)->capture_default_str()->check(one_or_more);
  add_threads_flag(verb, flags.threads, "compute threads; 0: all cores");
  verb.add_option("--workers", flags.workers, flags.workers_help)
      ->capture_default_str()
      ->check(flags.workers_may_be_none ? none_or_more : one_or_more);
}

void add_threads_flag(CLI::App& verb, int64_t& threads, const std::string& help) {
  verb.add_option("--threads", threads, help)
      ->capture_default_str()
      ->check(whole_between(0, 1024).description(""));  // as the key `threads`
}

int64_t threads_of_flag(int64_t threads) { return threads > 0 ? threads : std::max<int64_t>(1, std::thread::hardware_concurrency()); }

void add_limit_flag(CLI::App& verb, int64_t& limit, const std::string& help) {
  verb.add_option("--limit", limit, help + "; 0: all")->capture_default_str()->check(whole_from(0));
}

void add_data_flag(CLI::App& verb, std::string& data) {
  verb.add_option("--data", data,
                  "data set folder, a CSV/TSV/JSONL table, Parquet or WebDataset tars (folder, file or pattern), or a folder of pictures")
      ->required();
}

}  // namespace infig
