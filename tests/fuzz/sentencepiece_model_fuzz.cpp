// A SentencePiece model, and what it makes of a few texts.
#include "fuzz/encodings.h"
#include "text/sentencepiece.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace infig;
  fuzz::attempt("FILE", [model = std::string(fuzz::text_of(data, size))] {
    fuzz::check_samples(*make_sentencepiece_tokenizer(model, "FILE", {.lower_case = true, .split_by_punct = true}));
    fuzz::check_samples(*make_sentencepiece_tokenizer(model, "FILE"));
  });
  return 0;
}
