#include "apps/compute_flags.h"

namespace infig {

void add_compute_flags(CLI::App& verb, const ComputeFlags& flags) {
  const CLI::Validator one_or_more = CLI::PositiveNumber, none_or_more = CLI::NonNegativeNumber;
  verb.add_option("--batch-size", flags.batch_size, flags.batch_help)->capture_default_str()->check(one_or_more);
  verb.add_option("--threads", flags.threads, "compute threads; 0: all cores")->capture_default_str()->check(none_or_more);
  verb.add_option("--workers", flags.workers, flags.workers_help)
      ->capture_default_str()
      ->check(flags.workers_may_be_none ? none_or_more : one_or_more);
}

void add_data_flag(CLI::App& verb, std::string& data) {
  verb.add_option("--data", data, "data set folder, a CSV/TSV/JSONL table, or WebDataset tars (folder, file or pattern)")->required();
}

}  // namespace infig
