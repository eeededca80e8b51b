// Tables with cells: TSV where the input begins with T, else CSV; the first byte is not the table's.
#include "fuzz/table.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input = infig::fuzz::text_of(data, size);
  if (!input.empty()) infig::fuzz::check_table(input.front() == 'T' ? "posts.tsv" : "posts.csv", input.substr(1));
  return 0;
}
