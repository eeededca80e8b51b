// BERTweet's files, and a tweet of any bytes through its normalisation.
#include "fuzz/encodings.h"
#include "fuzz/folder.h"
#include "text/tweet_text.h"
#include "text/unicode.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace infig;
  static fuzz::Folder folder{"vocab.txt", "bpe.codes", "tokenizer_config.json"};
  const std::filesystem::path path = folder.fill(fuzz::text_of(data, size));
  fuzz::attempt(path.string(), [&path] { fuzz::check_loose_samples(*load_tokenizer(path)); });
  static const auto kNormalizer = make_tweet_normalizer();
  std::string repaired;
  AlignedText tweet;
  tweet.assign(repaired_utf8(fuzz::text_of(data, size), repaired), 0);
  kNormalizer->apply(tweet);
  fuzz::require(tweet.source.size() == tweet.bytes.size(), "each byte has a place");
  for (const SourceRange& range : tweet.source)
    fuzz::require(range.begin <= range.end && range.end <= tweet.length, "a place lies in the text");
  return 0;
}
