// A folder of sentence-transformers: modules.json and the JSON of the modules that it names.
#include "fuzz/folder.h"
#include "run/sentence_folder.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace infig;
  static fuzz::Folder folder{"modules.json",
                             "1_Pooling/config.json",
                             "2_Dense/config.json",
                             "3_Normalize/config.json",
                             "sentence_bert_config.json",
                             "config_sentence_transformers.json",
                             "tokenizer_config.json"};
  const std::filesystem::path path = folder.fill(fuzz::text_of(data, size));
  fuzz::attempt(path.string(), [&path] {
    const SentenceFolder read = read_sentence_folder(path);
    fuzz::require(!read.pooling.empty(), "a folder that is read has a pooling");
    fuzz::require(read.max_length >= 0, "a longest text has a length");
    fuzz::require(read.encoder == path || read.encoder.parent_path() == path, "the encoder lies in the folder");
    for (const auto& step : read.steps) {
      const auto* dense = std::get_if<SentenceDenseFile>(&step);
      fuzz::require(dense == nullptr || dense->folder == path || dense->folder.parent_path() == path, "a module lies in the folder");
    }
  });
  return 0;
}
