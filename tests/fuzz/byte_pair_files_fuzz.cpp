// The files of a RoBERTa or CLIP tokenizer, and what it makes of a few texts.
#include "fuzz/encodings.h"
#include "fuzz/folder.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace infig;
  static fuzz::Folder folder{"vocab.json",        "merges.txt",  "tokenizer_config.json", "special_tokens_map.json",
                             "added_tokens.json", "config.json", "tokenizer.json"};
  const std::filesystem::path path = folder.fill(fuzz::text_of(data, size));
  fuzz::attempt(path.string(), [&path] { fuzz::check_folder_samples(path); });
  return 0;
}
