#include "text/tweet_words.h"

#include <string>

#include "text/small_expression.h"

namespace infig {
namespace {

// With a protocol, or a name and a slash: what may stand inside, then what may stand at the end. Round brackets are closed, with at most
// one pair within.
std::string full_address() {
  const std::string nested = R"(\([^\s()]*?\([^\s()]+\)[^\s()]*?\))", brackets = R"(\([^\s]+?\))";
  return R"((?:https?:(?:/{1,3}|[a-z0-9%])|[a-z0-9.\-]+[.](?:[a-z]{2,13})/)(?:[^\s()<>{}\[\]]+|)" + nested + "|" + brackets +
         ")+(?:" + nested + "|" + brackets + R"(|[^\s`!()\[\]{};:'".,<>?«»“”‘’]))";
}

std::string tweet_kinds() {
  const std::string eyes = "[:;=8]", nose = R"([\-o*']?)", mouth = R"([\)\]\(\[dp/:\}\{@|\\])";
  const std::string emoticon = "[<>]?" + eyes + nose + mouth + "|" + mouth + nose + eyes + "[<>]?|<3";
  std::string kinds = full_address();
  for (const std::string& kind : {
           std::string(R"((?<!@)[a-z0-9]+(?:[.\-][a-z0-9]+)*[.](?:[a-z]{2,13})\b/?(?!@))"),        // a bare address
           std::string(R"((?:\+?[01][ *\-.\)]*)?(?:[\(]?\d{3}[ *\-.\)]*)?\d{3}[ *\-.\)]*\d{4})"),  // a phone number
           emoticon,
           std::string(R"(<[^>\s]+>)"),                                // a tag
           std::string(R"(\-+>|<\-+)"),                                // an arrow
           std::string(R"(@[\w_]+)"),                                  // a user
           std::string(R"(#+[\w_]+[\w'_\-]*[\w_]+)"),                  // a hashtag
           std::string(R"([\w.+\-]+@[\w\-]+\.(?:[\w\-]\.?)+[\w\-])"),  // a mail address
           std::string(R"([^\W\d_](?:[^\W\d_]|['\-_])+[^\W\d_])"),     // don't, well-known
           std::string(R"([+\-]?\d+[,/.:\-]\d+[+\-]?)"),               // a fraction
           std::string(R"([\w_]+)"),                                   // another word
           std::string(R"(\.(?:\s*\.){1,})"),                          // dots
           std::string(R"(\S)"),                                       // anything else
       })
    kinds.append("|").append(kind);
  return kinds;
}

}  // namespace

void find_tweet_words(std::string_view text, std::vector<TweetWord>& words) {
  static const SmallExpression kKinds(tweet_kinds());
  words.clear();
  SmallExpression::Search search(kKinds, text);
  for (size_t at = 0; at < text.size();) {
    const size_t end = search.match(at);
    if (end == SmallExpression::kNone) {  // white space: everything else is a word at least by itself
      at += search.length_at(at);
      continue;
    }
    words.push_back({.begin = at, .end = end});
    at = end;
  }
}

}  // namespace infig
