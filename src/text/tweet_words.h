// The words of a tweet as NLTK's TweetTokenizer finds them: addresses, phone numbers, emoticons, tags, arrows, names, words, single
// characters.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace infig {

struct TweetWord {
  size_t begin = 0, end = 0;  // bytes
};

// Replaces `words` by those of well-formed UTF-8, from left to right; between two lies white space or nothing. Of several readings the
// first one counts, in the order of the kinds, as a backtracking expression takes it; in time and memory linear in the text (10 bytes a
// byte). Letters and digits are those of Unicode 16 (\w and \d of Python's package regex), case is that of ASCII with U+0130, U+017F and
// U+212A as i, s and k. The kinds are the facts of nltk.tokenize.casual as transformers' BertweetTokenizer has them.
void find_tweet_words(std::string_view text, std::vector<TweetWord>& words);

}  // namespace infig
