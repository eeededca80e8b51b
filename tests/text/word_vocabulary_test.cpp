#include "text/word_vocabulary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "data/scratch.h"
#include "text/word_cut.h"

namespace infig {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

struct Cut {
  std::string word;
  int32_t begin, end;
  bool operator==(const Cut&) const = default;
};

std::vector<Cut> cut(std::string_view text, WordCut how) {
  std::vector<Cut> found;
  cut_words(text, how, [&found](const std::string& word, int32_t begin, int32_t end) {
    found.push_back({word, begin, end});
    return true;
  });
  return found;
}

std::vector<std::string> words_of(std::string_view text, WordCut how) {
  std::vector<std::string> words;
  for (const Cut& one : cut(text, how)) words.push_back(one.word);
  return words;
}

TEST(WordCutting, NoneLeavesWhatStandsBetweenSpaces) {
  EXPECT_THAT(words_of(" So # happy \t<user> emoji_12\n!  ", WordCut::kNone), ElementsAre("So", "#", "happy", "<user>", "emoji_12", "!"));
  EXPECT_THAT(words_of("a\xC2\xA0"
                       "b\xE3\x80\x80"
                       "c",
                       WordCut::kNone),
              ElementsAre("a", "b", "c"));  // no-break and ideographic space
  EXPECT_THAT(words_of("", WordCut::kNone), ElementsAre());
}

TEST(WordCutting, LowerMakesMarksWords) {
  EXPECT_THAT(words_of("It's GREAT!! #\xC3\x89tude", WordCut::kLower), ElementsAre("it", "'", "s", "great", "!", "!", "#", "\xC3\xA9tude"));
  EXPECT_EQ(cut("\xC3\x84h, ok", WordCut::kLower), (std::vector<Cut>{{"\xC3\xA4h", 0, 2}, {",", 2, 3}, {"ok", 4, 6}}));
}

// Keras' Tokenizer in Python on what clean_multisentinet leaves, its list of characters taken out.
TEST(WordCutting, MultiSentiNetIsKerasTokenizer) {
  EXPECT_THAT(words_of("RT @bob: I'm SO-happy today! #fun http://t.co/x, (yes)", WordCut::kMultiSentiNet),
              ElementsAre("rt", "i'm", "so", "happy", "today", "yes"));
  EXPECT_THAT(words_of("#only @this http://t.co/x", WordCut::kMultiSentiNet), ElementsAre());
  // What the tag leaves behind it grows together with what stood before it.
  EXPECT_EQ(cut("x#ab\xC3\xA9 end", WordCut::kMultiSentiNet), (std::vector<Cut>{{"x\xC3\xA9", 0, 5}, {"end", 6, 9}}));
}

TEST(WordCutting, MgnnsDropsStopWordsAndShortOnes) {
  EXPECT_EQ(cut("I love THE sunny day, ok", WordCut::kMgnns), (std::vector<Cut>{{"love", 2, 6}, {"sunny", 11, 16}, {"day", 17, 20}}));
}

TEST(WordCutting, WhatIsNoUtf8ReadsAsItsReplacement) {
  for (const WordCut how : {WordCut::kNone, WordCut::kLower, WordCut::kMultiSentiNet})
    EXPECT_EQ(cut("a\xFFz b", how), (std::vector<Cut>{{"a\xEF\xBF\xBDz", 0, 3}, {"b", 4, 5}}));
}

std::unique_ptr<WordVocabulary> counted_words(WordVocabularyOptions options) {
  WordCounter counter(options);
  for (const char* text : {"b a c", "a b d", "a e"}) counter.add(text);
  counter.keep("zebra");
  counter.keep("a");
  return counter.vocabulary();
}

TEST(WordVocabulary, OrdersByCountThenByBytes) {
  EXPECT_THAT(counted_words({.cut = WordCut::kNone})->words(), ElementsAre("a", "b", "c", "d", "e", "zebra"));
  EXPECT_THAT(counted_words({.cut = WordCut::kNone, .min_count = 2})->words(), ElementsAre("a", "b", "zebra"));
  EXPECT_THAT(counted_words({.cut = WordCut::kNone, .max_size = 3})->words(), ElementsAre("a", "b", "c", "zebra"));
}

TEST(WordVocabulary, GivesIdsFromTwoOn) {
  const auto words = counted_words({.cut = WordCut::kNone, .min_count = 2});
  const Encoding encoding = words->encode("b nobody a zebra", 0);
  EXPECT_THAT(encoding.ids, ElementsAre(3, 1, 2, 4));
  EXPECT_THAT(encoding.tokens, ElementsAre("b", "<unk>", "a", "zebra"));
  EXPECT_THAT(encoding.offsets, ElementsAre(testing::Pair(0, 1), testing::Pair(2, 8), testing::Pair(9, 10), testing::Pair(11, 16)));
  EXPECT_THAT(words->encode("b nobody a zebra", 2).ids, ElementsAre(3, 1));
  EXPECT_THAT(words->encode("b", 1).ids, ElementsAre(3));
  EXPECT_THAT(words->encode("  ", 0).ids, ElementsAre());
  EXPECT_EQ(words->vocab_size(), 5);
  EXPECT_EQ(words->pad_id(), 0);
}

TEST(WordVocabulary, ReadsBackWhatItSaved) {
  const test::Scratch folder;
  const auto saved = counted_words({.cut = WordCut::kMultiSentiNet});
  saved->save(folder.path());
  const auto loaded = load_tokenizer(folder.path());
  const auto* words = dynamic_cast<const WordVocabulary*>(loaded.get());
  ASSERT_NE(words, nullptr);
  EXPECT_EQ(words->words(), saved->words());
  EXPECT_EQ(words->cut(), WordCut::kMultiSentiNet);
  EXPECT_EQ(words->rule(), "words.json: 6 words, cut as multisentinet");
}

TEST(WordVocabulary, RefusesAForeignFileByName) {
  const test::Scratch folder;
  const auto refused = [&folder](std::string_view bytes) {
    const auto file = folder.file("words.json", bytes);
    const std::string message = test::thrown<CheckpointError>([&file] { load_word_vocabulary(file); });
    EXPECT_THAT(message, HasSubstr("words.json"));
    return message;
  };
  EXPECT_THAT(refused(R"({"cut": "lower", "words": ["a", "b", "a"]})"), HasSubstr("word 2 is word 0 again"));
  EXPECT_THAT(refused(R"({"cut": "lower", "words": ["a", ""]})"), HasSubstr("word 1 is empty"));
  EXPECT_THAT(refused(R"({"cut": "lower", "words": ["a", 3]})"), HasSubstr("expected a list of words"));
  EXPECT_THAT(refused(R"({"cut": "odd", "words": ["a"]})"), HasSubstr("expected none, lower, multisentinet or mgnns"));
  EXPECT_THAT(refused(R"({"words": ["a"]})"), HasSubstr("cut"));
  refused("[1, 2");
}

TEST(WordVocabulary, NeedsAWord) {
  WordCounter counter({.cut = WordCut::kNone, .min_count = 3});
  counter.add("a b a");
  EXPECT_THAT(test::thrown<DataError>([&counter] { counter.vocabulary(); }), HasSubstr("words.min_count=3"));
}

}  // namespace
}  // namespace infig
