// Pretrained word vectors as text. The first byte says how many numbers a vector has.
#include <cmath>

#include "fuzz/folder.h"
#include "text/word_vectors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace infig;
  if (size == 0) return 0;
  static fuzz::Folder folder{"v.vec"};
  const std::filesystem::path path = folder.fill(fuzz::text_of(data + 1, size - 1)) / "v.vec";
  const int64_t width = 1 + data[0] % 5;
  fuzz::attempt(path.string(), [&] {
    int64_t taken = 0;
    const WordVectorCounts counts = read_word_vectors(
        path, width,
        [](std::string_view word) {
          fuzz::require(!word.empty() && word.find('\n') == std::string_view::npos, "a word is a part of a line");
          return word.size() > 3 ? int64_t{-1} : static_cast<int64_t>(word.front());
        },
        [&](int64_t, std::span<const float> vector) {
          ++taken;
          fuzz::require(static_cast<int64_t>(vector.size()) == width, "a vector has its width");
          for (const float value : vector) fuzz::require(std::isfinite(value), "numbers are finite");
        });
    fuzz::require(counts.found == taken && counts.found <= counts.rows && counts.rows >= 1, "what is taken is counted");
  });
  return 0;
}
