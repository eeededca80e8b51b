// Tables of one JSON object a line, and the same bytes as one array.
#include "fuzz/table.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  infig::fuzz::check_table("posts.jsonl", infig::fuzz::text_of(data, size));
  infig::fuzz::check_table("posts.json", infig::fuzz::text_of(data, size));
  return 0;
}
