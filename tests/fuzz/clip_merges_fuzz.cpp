// CLIP's packed merges: bytes as gzip or, behind a 'T', the first lines of what is packed; the rest of CLIP's number is one line repeated.
#include <string>

#include "fuzz/gzip.h"
#include "text/vocabulary_files.h"

namespace infig::fuzz {
namespace {

std::string packed(std::string_view first_lines) {
  constexpr size_t kMerges = 49152 - 256 - 2;
  std::string text(first_lines);
  for (size_t i = 0; i < kMerges; ++i) text += "! !\n";
  return gzip(text);
}

}  // namespace
}  // namespace infig::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace infig;
  const std::string_view input = fuzz::text_of(data, size);
  const std::string bytes = input.starts_with('T') ? fuzz::packed(input.substr(1)) : std::string(input);
  fuzz::attempt("FILE", [&bytes] {
    const BytePairVocabulary vocabulary = parse_clip_merges(bytes, "FILE");
    fuzz::require(vocabulary.tokens.size() == 49408, "CLIP has 49,408 tokens");
  });
  return 0;
}
