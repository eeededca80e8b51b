// SigLIP's spiece.model with what stands beside it, and what the tokenizer makes of a few texts.
#include "fuzz/encodings.h"
#include "fuzz/folder.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace infig;
  static fuzz::Folder folder{"spiece.model", "tokenizer_config.json", "config.json"};
  const std::filesystem::path path = folder.fill(fuzz::text_of(data, size));
  fuzz::attempt(path.string(), [&path] {
    fuzz::check_loose_samples(*load_tokenizer(path));
    fuzz::check_loose_samples(*load_tokenizer(path, SpecialInText::kSplit));
  });
  return 0;
}
