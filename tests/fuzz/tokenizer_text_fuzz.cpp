// Any bytes as text into every kind of tokenizer, on small vocabularies. The first byte chooses the tokenizer, the second max_length.
#include <memory>
#include <vector>

#include "core/files.h"
#include "fuzz/encodings.h"
#include "text/sentencepiece.h"

namespace infig::fuzz {
namespace {

std::vector<std::unique_ptr<Tokenizer>> every_tokenizer() {
  const std::filesystem::path golden = std::filesystem::path(INFIG_SOURCE_DIR) / "tests/golden/text";
  std::vector<std::unique_ptr<Tokenizer>> all;
  for (const char* name : {"bert", "bert_cased", "bert_accents", "bert_json", "mpnet", "roberta", "roberta_prefix", "clip"}) {
    all.push_back(load_tokenizer(golden / name));
  }
  const std::string model = read_file(golden / "spm.model");
  all.push_back(make_sentencepiece_tokenizer(model, "spm.model"));
  all.push_back(make_sentencepiece_tokenizer(model, "spm.model", {.lower_case = true, .split_by_punct = true}));
  return all;
}

}  // namespace
}  // namespace infig::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace infig;
  static const std::vector<std::unique_ptr<Tokenizer>> kTokenizers = fuzz::every_tokenizer();
  if (size < 2) return 0;
  const Tokenizer& tokenizer = *kTokenizers[data[0] % kTokenizers.size()];
  const int64_t max_length = data[1] % 32 == 0 ? 0 : 1 + data[1] % 32;
  fuzz::check_encoding(tokenizer, fuzz::text_of(data + 2, size - 2), max_length);
  return 0;
}
