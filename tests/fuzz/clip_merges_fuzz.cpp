// CLIP's packed merges: bytes as gzip or, behind a 'T', the first lines of what is packed; the rest of CLIP's number is one line repeated.
#include <zlib.h>

#include <string>

#include "fuzz/fuzz.h"
#include "text/vocabulary_files.h"

namespace infig::fuzz {
namespace {

std::string packed(std::string_view first_lines) {
  constexpr size_t kMerges = 49152 - 256 - 2;
  std::string text(first_lines);
  for (size_t i = 0; i < kMerges; ++i) text += "! !\n";
  std::string gzip(text.size() + 1024, '\0');
  z_stream stream{};
  require(deflateInit2(&stream, Z_NO_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK, "zlib starts");
  stream.next_in = reinterpret_cast<Bytef*>(text.data());
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(gzip.data());
  stream.avail_out = static_cast<uInt>(gzip.size());
  require(deflate(&stream, Z_FINISH) == Z_STREAM_END, "zlib packs");
  gzip.resize(stream.total_out);
  deflateEnd(&stream);
  return gzip;
}

}  // namespace
}  // namespace infig::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace infig;
  const std::string_view input = fuzz::text_of(data, size);
  const std::string gzip = input.starts_with('T') ? fuzz::packed(input.substr(1)) : std::string(input);
  fuzz::attempt("FILE", [&gzip] {
    const BytePairVocabulary vocabulary = parse_clip_merges(gzip, "FILE");
    fuzz::require(vocabulary.tokens.size() == 49408, "CLIP has 49,408 tokens");
  });
  return 0;
}
