// BERTweet's files, and its normalisation of tweets against transformers' own (tools/golden/make_tweets.py).
#include "text/tweet_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "core/files.h"
#include "text/emoji_names.h"
#include "text/python_text.h"
#include "text/tokenizer.h"
#include "text/tokenizer_folders.h"
#include "text/tweet_words.h"

namespace infig {
namespace {

using Ids = std::vector<int64_t>;
using Offsets = std::vector<std::pair<int64_t, int64_t>>;
using testing::HasSubstr;

AlignedText tweet_of(const std::string& text) {
  AlignedText aligned;
  aligned.assign(text, 0);
  make_tweet_normalizer()->apply(aligned);
  return aligned;
}

TEST(TweetText, AsTheOriginal) {
  const auto cases = nlohmann::json::parse(read_file(kGolden / "tweets.json"));
  ASSERT_GT(cases.size(), 300u);
  for (const auto& one : cases) {
    const auto text = one[0].get<std::string>();
    const AlignedText aligned = tweet_of(text);
    EXPECT_EQ(aligned.bytes, one[1].get<std::string>()) << text;
    ASSERT_EQ(aligned.source.size(), aligned.bytes.size());
    for (const SourceRange& range : aligned.source) {
      EXPECT_LE(range.begin, range.end);
      EXPECT_LE(range.end, text.size());
    }
  }
}

// Bytes of "hi @you &amp; 😀 can't!": @you 3..7, &amp; 8..13, the emoji 14..18, can't 19..24.
TEST(TweetText, WhatAWordBecameHasItsPlace) {
  const std::string text = "hi @you &amp; \U0001f600 can't !";
  const AlignedText aligned = tweet_of(text);
  ASSERT_EQ(aligned.bytes, "hi @USER & :grinning_face: can't !");
  const auto place = [&](const std::string& part) {
    const size_t at = aligned.bytes.find(part);
    return std::pair(aligned.source[at].begin, aligned.source[at + part.size() - 1].end);
  };
  EXPECT_EQ(place("hi"), std::pair(0u, 2u));
  EXPECT_EQ(place("@USER"), std::pair(3u, 7u));
  EXPECT_EQ(place("&"), std::pair(8u, 13u));
  EXPECT_EQ(place(":grinning_face:"), std::pair(14u, 18u));
  EXPECT_EQ(place("can't"), std::pair(19u, 24u));
  EXPECT_EQ(place("n't"), std::pair(21u, 24u));
}

std::vector<std::string> words_of(const std::string& text) {
  std::vector<TweetWord> words;
  find_tweet_words(text, words);
  std::vector<std::string> found;
  for (const TweetWord& word : words) found.push_back(text.substr(word.begin, word.end - word.begin));
  return found;
}

// The example of NLTK's own documentation, and addresses: what ends one, and round brackets inside it.
TEST(TweetWords, Kinds) {
  EXPECT_EQ(words_of("This is a cooool #dummysmiley: :-) :-P <3 and some arrows < > -> <--"),
            (std::vector<std::string>{"This", "is", "a", "cooool", "#dummysmiley", ":", ":-)", ":-P", "<3", "and", "some", "arrows", "<",
                                      ">", "->", "<--"}));
  EXPECT_EQ(words_of("(https://a.b/c_(d)!) x.com/."), (std::vector<std::string>{"(", "https://a.b/c_(d)", "!", ")", "x.com/", "."}));
  EXPECT_EQ(words_of("a@b.co @c foo.na@d"), (std::vector<std::string>{"a@b.co", "@c", "foo", ".", "na", "@d"}));
  EXPECT_EQ(words_of(":@b.com b.com"), (std::vector<std::string>{":@", "b", ".", "com", "b.com"}));  // no address behind an @
}

// Expressions of this kind take exponential time in a backtracking engine, or quadratic time from word to word.
TEST(TweetWords, NoTextIsSlow) {
  std::string address = "http:", dots, brackets = "http://";
  for (int i = 0; i < 30'000; ++i) {
    address += i % 2 == 0 ? "!" : "?";
    dots += "a.";
    brackets += "(a";
  }
  EXPECT_EQ(words_of(address).front(), "http");
  EXPECT_EQ(words_of(dots).size(), 60'000u);
  EXPECT_FALSE(words_of(brackets).empty());
}

TEST(EmojiNames, OfThePackage) {
  EXPECT_EQ(emoji_name(0x1F600), "grinning_face");
  EXPECT_EQ(emoji_name(0x2764), "red_heart");
  EXPECT_EQ(emoji_name(0x1F45E), "man\u2019s_shoe");
  EXPECT_EQ(emoji_name(0x1FAE0), "");  // of a later version
  EXPECT_EQ(emoji_name(U'a'), "");
}

// int() of Python 3.11.
TEST(PythonText, CodePoints) {
  EXPECT_EQ(python_code_point("65", 10), 65);
  EXPECT_EQ(python_code_point("1_0", 10), 10);
  EXPECT_EQ(python_code_point("+0x4_1", 16), 65);
  EXPECT_EQ(python_code_point("\u0661\u0660", 10), 10);
  EXPECT_EQ(python_code_point("1114111", 10), 0x10FFFF);
  for (const char* wrong : {"", "_1", "1_", "1__0", "-1", "4f", "1114112", "99999999999999999999"})
    EXPECT_EQ(python_code_point(wrong, 10), -1) << wrong;
  EXPECT_EQ(python_code_point("0x", 16), -1);
  EXPECT_EQ(python_code_point("-0", 10), 0);
}

void write_bertweet(const Folder& folder) {
  write_file_atomic(folder / "vocab.txt", "hello 5\nhap@@ 3\npy 2\n");
  write_file_atomic(folder / "bpe.codes", "h a 9\nha p 8\np y</w> 7\nh e 6\nhe l 5\nhel l 4\nhell o</w> 3\n");
}

// "happy": h a p p y</w>, ha p p y</w>, hap p y</w>, hap py</w>. "x" is no token; <mask> comes behind the vocabulary.
TEST(Bertweet, ByHand) {
  const Folder folder;
  write_bertweet(folder);
  const auto tokenizer = load_tokenizer(folder);
  const Encoding encoding = tokenizer->encode("happy hello x<mask>", 0);
  EXPECT_EQ(encoding.ids, (Ids{0, 5, 6, 4, 3, 7, 2}));
  EXPECT_EQ(encoding.offsets, (Offsets{{0, 0}, {0, 3}, {3, 5}, {6, 11}, {12, 13}, {13, 19}, {0, 0}}));
  EXPECT_EQ(tokenizer->pad_id(), 1);
  const Folder saved;
  tokenizer->save(saved);
  EXPECT_EQ(load_tokenizer(saved)->encode("happy hello x<mask>", 0).ids, encoding.ids);
}

TEST(Bertweet, FaultsAreNamed) {
  const Folder folder;
  write_bertweet(folder);
  write_file_atomic(folder / "vocab.txt", "hello 5\nhap@@\n");
  EXPECT_THAT(load_error(folder), testing::AllOf(HasSubstr("vocab.txt"), HasSubstr("line 2")));
  write_bertweet(folder);
  write_file_atomic(folder / "bpe.codes", "h a 9\nha\n");
  EXPECT_THAT(load_error(folder), testing::AllOf(HasSubstr("bpe.codes"), HasSubstr("line 2")));
}

// With its normalisation "@me" is @USER and "www.x" HTTPURL, in the user's own places; the token <mask> is found before.
TEST(Bertweet, NormalizesWhereTheFolderSaysSo) {
  const Folder folder;
  write_file_atomic(folder / "vocab.txt", "@USER 9\nHTTPURL 8\nhello 7\n");
  write_file_atomic(
      folder / "bpe.codes",
      "@ U 9\n@U S 9\n@US E 9\n@USE R</w> 9\nH T 8\nHT T 8\nHTT P 8\nHTTP U 8\nHTTPU R 8\nHTTPUR L</w> 8\nh e 7\nhe l 7\nhel l 7\n"
      "hell o</w> 7\n");
  const std::string text = "@me  www.x.de<mask>&nbsp;hello";
  EXPECT_EQ(load_tokenizer(folder)->encode("hello @me", 0).ids, (Ids{0, 6, 3, 3, 3, 2}));
  write_file_atomic(folder / "tokenizer_config.json", R"({"tokenizer_class": "BertweetTokenizer", "normalization": true})");
  const auto tokenizer = load_tokenizer(folder);
  EXPECT_THAT(tokenizer->rule(), HasSubstr("normalisation"));
  const Encoding encoding = tokenizer->encode(text, 0);
  EXPECT_EQ(encoding.ids, (Ids{0, 4, 5, 7, 6, 2}));
  EXPECT_EQ(encoding.offsets, (Offsets{{0, 0}, {0, 3}, {5, 13}, {13, 19}, {25, 30}, {0, 0}}));
  const Folder saved;
  tokenizer->save(saved);
  EXPECT_EQ(load_tokenizer(saved)->encode(text, 0).ids, encoding.ids);
}

}  // namespace
}  // namespace infig
