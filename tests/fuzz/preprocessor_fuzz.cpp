// preprocessor_config.json.
#include "fuzz/fuzz.h"
#include "image/preprocessor.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace infig;
  fuzz::attempt("FILE", [text = std::string(fuzz::text_of(data, size))] {
    const ImageOptions options = parse_preprocessor(text, {}, "FILE");
    options.validate();
  });
  return 0;
}
