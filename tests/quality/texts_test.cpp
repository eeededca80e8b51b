// Oddities, scripts, lengths and near texts, on texts made by hand; near texts against all pairs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "core/error.h"
#include "core/random.h"
#include "quality/near.h"
#include "quality/text_facts.h"

namespace infig {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(OddTexts, EachKindByHand) {
  EXPECT_THAT(odd_kinds("A plain text, with accents: caf\u00E9, \u00C9T\u00C9\u201D, \u00A35.\nTwo\tlines."), IsEmpty());
  EXPECT_THAT(odd_kinds(" \n\u00A0"), ElementsAre(OddText::kEmpty));
  EXPECT_THAT(odd_kinds("http://t.co/abc"), ElementsAre(OddText::kOnlyUrls));
  for (const char* escaped : {"a &amp; b", "&#39;so&#39;", "x &lt;3", "R&amp;D;"})
    EXPECT_THAT(odd_kinds(escaped), ElementsAre(OddText::kHtmlEscapes)) << escaped;
  for (const char* plain : {"AT&T", "?a=1&copy=2 is no reference; is it", "&; & ;", "&unknown;"})
    EXPECT_THAT(odd_kinds(plain), IsEmpty()) << plain;
  EXPECT_THAT(odd_kinds("bell\x07"), ElementsAre(OddText::kControl));
  EXPECT_THAT(odd_kinds("caf\uFFFD"), ElementsAre(OddText::kReplacement));
  EXPECT_THAT(odd_kinds("smile \uE415"), ElementsAre(OddText::kPrivateUse));
  EXPECT_THAT(odd_kinds("caf\u00C3\u00A9"), ElementsAre(OddText::kMojibake));           // e acute: C3 A9
  EXPECT_THAT(odd_kinds("don\u00E2\u20AC\u2122t"), ElementsAre(OddText::kMojibake));    // right quote: E2 80 99
  EXPECT_THAT(odd_kinds("\u00F0\u0178\u02DC\u201A"), ElementsAre(OddText::kMojibake));  // an emoji: F0 9F 98 82
  EXPECT_THAT(odd_kinds("\u00D0\u00BF\u00D1\u20AC"), ElementsAre(OddText::kMojibake));  // two Cyrillic letters: D0 BF D1 80
  EXPECT_THAT(odd_kinds("I\u0426ve"), ElementsAre(OddText::kMixedScripts));
  EXPECT_THAT(odd_kinds("live\u30E9\u30A4\u30D6 \u0420\u0443\u0441 abc"), IsEmpty());  // Japanese beside Latin, Cyrillic apart
}

TEST(TextFacts, ScriptsAndLengths) {
  EXPECT_EQ(count_words("  one two\n\u00A0three "), 3);
  EXPECT_EQ(count_words(""), 0);
  std::vector<int32_t> lengths;
  for (int32_t i = 1; i <= 200; ++i) lengths.push_back(201 - i);
  const LengthSummary sum = summarise_lengths(lengths);
  EXPECT_EQ(sum.count, 200);
  EXPECT_DOUBLE_EQ(sum.mean, 100.5);
  EXPECT_EQ(sum.median, 100);
  EXPECT_EQ(sum.p95, 190);
  EXPECT_EQ(sum.p99, 198);
  EXPECT_EQ(sum.longest, 200);
  EXPECT_EQ(summarise_lengths({}).count, 0);
  std::vector<Post> posts(600);
  for (size_t i = 0; i < posts.size(); ++i) posts[i].text = i % 3 == 0 ? "" : i % 3 == 1 ? "two words" : "\u4F60";
  for (const int64_t threads : {1, 3}) {
    const TextFacts facts = collect_text_facts(posts, nullptr, threads);
    EXPECT_EQ(facts.scripts.at("Latin"), 200);
    EXPECT_EQ(facts.scripts.at("Han"), 200);
    EXPECT_EQ(facts.odd.at(OddText::kEmpty).size(), 200U);
    EXPECT_EQ(facts.odd.at(OddText::kEmpty)[199], 597);
    EXPECT_EQ(facts.words[1], 2);
    EXPECT_TRUE(facts.tokens.empty());
  }
}

TEST(NearTexts, SimilarityByHand) {
  // "abcdef": abcd bcde cdef; "abcdeg": abcd bcde cdeg. Two of four.
  EXPECT_DOUBLE_EQ(shingle_similarity("abcdef", "abcdeg"), 0.5);
  EXPECT_DOUBLE_EQ(shingle_similarity("abc", "abc"), 1.0);
  EXPECT_DOUBLE_EQ(shingle_similarity("abc", "abd"), 0.0);
  EXPECT_DOUBLE_EQ(shingle_similarity("aaaaaaa", "aaaa"), 1.0);  // sets, not bags
  EXPECT_DOUBLE_EQ(shingle_similarity("", ""), 0.0);
  EXPECT_DOUBLE_EQ(shingle_similarity("\u4F60\u597D\u4E16\u754C", "\u4F60\u597D\u4E16\u754C\u4E16"), 0.5);  // characters, not bytes
}

TEST(NearTexts, BandsReachTheThreshold) {
  for (const double threshold : {0.3, 0.5, 0.8, 0.9, 1.0}) {
    const SignatureBands cut = choose_bands(threshold);
    EXPECT_LE(cut.bands * cut.rows, 128);
    double missed = 1;
    for (int64_t band = 0; band < cut.bands; ++band) missed *= 1 - std::pow(threshold, static_cast<double>(cut.rows));
    EXPECT_LE(missed, 0.005) << threshold;
  }
  EXPECT_EQ(choose_bands(1.0).rows, 128);
}

// Sentences of few words, each with variants by one word or letter, against every pair compared.
TEST(NearTexts, EqualsAllPairs) {
  RandomStream random(7, "near texts");
  const std::vector<std::string> words{"sunny", "rain", "happy", "sad", "day", "night", "love", "hate", "cat", "dog", "tree", "city"};
  std::set<std::string> distinct;
  for (int i = 0; i < 250; ++i) {
    std::string text;
    for (int w = 0; w < 14; ++w) text += (w == 0 ? "" : " ") + random.pick(words);
    distinct.insert(text);
    std::string other = text;
    other[random.below(other.size())] = 'q';
    distinct.insert(other);
    distinct.insert(text + " " + random.pick(words));
  }
  const std::vector<std::string> texts(distinct.begin(), distinct.end());
  std::vector<Match> expected;
  for (size_t i = 0; i < texts.size(); ++i) {
    for (size_t j = i + 1; j < texts.size(); ++j) {
      const double similarity = shingle_similarity(texts[i], texts[j]);
      if (similarity >= 0.8) expected.push_back({static_cast<int64_t>(i), static_cast<int64_t>(j), similarity});
    }
  }
  ASSERT_GT(expected.size(), 200U);
  const auto found = near_texts(texts, {.threshold = 0.8});
  EXPECT_EQ(found, near_texts(texts, {.threshold = 0.8, .threads = 4}));
  for (const Match& match : found) EXPECT_NE(std::find(expected.begin(), expected.end(), match), expected.end());
  EXPECT_GE(found.size() + expected.size() / 100, expected.size());  // a pair just at the threshold may be missed once in 200 times
}

TEST(NearTexts, AFloodOfOneTemplateIsComparedWithItsFirst) {
  std::vector<std::string> texts;
  for (int i = 0; i < 2000; ++i) texts.push_back("the very same long template of a text that only ends in a number " + std::to_string(i));
  std::set<int64_t> met;
  for (const Match& match : near_texts(texts, {.threshold = 0.8})) met.insert(match.second);
  EXPECT_EQ(met.size(), 1999U);
  EXPECT_THAT(near_texts(std::vector<std::string>{"", "a", ""}, {}), IsEmpty());
  EXPECT_THROW(near_texts({}, {.threshold = 0}), ConfigError);
  EXPECT_THROW(near_texts({}, {.threshold = 1.1}), ConfigError);
}

}  // namespace
}  // namespace infig
