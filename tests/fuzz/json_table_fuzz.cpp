// Tables of one JSON object a line.
#include "fuzz/table.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  infig::fuzz::check_table("posts.jsonl", infig::fuzz::text_of(data, size));
  return 0;
}
