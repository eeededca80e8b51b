// Parquet: footer, schema, pages; as rows, as a data set and as posts.
#include "data/parquet/parquet_file.h"
#include "fuzz/table.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (infig::parquet_is_built_in()) infig::fuzz::check_table("posts.parquet", infig::fuzz::text_of(data, size));
  return 0;
}
