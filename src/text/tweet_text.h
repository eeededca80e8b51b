// BERTweet's normalisation of a tweet: users, links and emoji, apostrophes and contractions.
#pragma once

#include <memory>

#include "text/json_normalizers.h"

namespace infig {

// As normalizeTweet of BertweetTokenizer in transformers 5.24 with the package emoji 0.6.0, which it names: "’" and "…" to ASCII, HTML 4's
// entities, more than three of one sign in a row to three, the words of tweet_words.h with one space between two; of these "@..." to @USER,
// "http..." and "www..." to HTTPURL, an emoji of one character to ":its_name:"; contractions and "p . m ." set as the model was trained.
// What a user, link, emoji or entity became has its whole place. A number of an entity that is half of a surrogate pair becomes U+FFFD.
std::unique_ptr<JsonNormalizer> make_tweet_normalizer();

}  // namespace infig
