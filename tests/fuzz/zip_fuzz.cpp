// The directory of a zip archive.
#include "archive/zip.h"
#include "fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace infig;
  const auto bytes = fuzz::bytes_of(fuzz::text_of(data, size));
  fuzz::attempt("FILE", [bytes] {
    for (const auto& [name, entry] : read_zip(bytes, "FILE")) {
      fuzz::require(!name.ends_with('/'), "folders are left out");
      fuzz::require(fuzz::lies_within(entry, bytes), "an entry lies within the archive");
    }
  });
  return 0;
}
