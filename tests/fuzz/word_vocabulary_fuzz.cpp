// A run's vocabulary of words, and what it makes of a few texts.
#include "fuzz/encodings.h"
#include "fuzz/folder.h"
#include "text/word_vocabulary.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace infig;
  static fuzz::Folder folder{"words.json"};
  const std::filesystem::path path = folder.fill(fuzz::text_of(data, size)) / "words.json";
  fuzz::attempt(path.string(), [&path] {
    const auto words = load_word_vocabulary(path);
    fuzz::check_loose_samples(*words);
    for (size_t i = 0; i < words->words().size(); ++i) {
      const int64_t id = kFirstWord + static_cast<int64_t>(i);
      fuzz::require(words->id_of(words->words()[i]) == id && words->token(id) == words->words()[i], "a word has its id");
    }
  });
  return 0;
}
