// Expectations worked by hand.
#include "data/label_words.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace infig {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(LabelWords, WholeNumbers) {
  EXPECT_EQ(whole_number("12"), 12);
  EXPECT_EQ(whole_number("0"), 0);
  EXPECT_EQ(whole_number("-1"), -1);
  for (const char* word : {"", "-", "+1", "1.0", "1x", " 1", "99999999999999999999"}) EXPECT_FALSE(whole_number(word).has_value()) << word;
  EXPECT_EQ(whole_number("2.0", true), 2);
  EXPECT_EQ(whole_number("2.000", true), 2);
  EXPECT_EQ(whole_number("-1.0", true), -1);
  EXPECT_EQ(whole_number("1,0", true), 1);  // decimal comma
  EXPECT_EQ(whole_number("1,00", true), 1);
  for (const char* word : {"2.", ".0", "2.5", "2.0.0", "2.0x", "1,000", "1,5", "-"})
    EXPECT_FALSE(whole_number(word, true).has_value()) << word;
}

TEST(LabelWords, BlanksAreShown) {
  EXPECT_EQ(shown_label("so so"), "so so");
  EXPECT_EQ(shown_label("neutral "), "\"neutral \"");
  EXPECT_EQ(shown_label("\xC2\xA0x"), "\"\xC2\xA0x\"");
  EXPECT_EQ(shown_label(""), "\"\"");
}

TEST(LabelWords, BlanksAndKeys) {
  EXPECT_EQ(strip_blanks("\t pos neg\xC2\xA0\xE3\x80\x80"), "pos neg");  // no-break and ideographic space
  EXPECT_EQ(strip_blanks(" \xC2\xA0"), "");
  EXPECT_EQ(label_key("\xC3\x89T\xC3\x89 "), "\xC3\xA9t\xC3\xA9");
  EXPECT_EQ(label_key("02.0"), label_key(" 2"));
  EXPECT_NE(label_key("2.5"), label_key("2"));
}

TEST(LabelWords, WhatIsOdd) {
  EXPECT_TRUE(odd_labels({{"neg", 2}, {"pos", 3}}).empty());
  EXPECT_TRUE(odd_labels({{"1.5", 2}, {"2.0", 2}}).empty());  // decimals that are none by accident
  EXPECT_THAT(odd_labels({{"pos", 5}, {"POS", 1}, {"pos ", 1}, {"neg", 4}}),
              ElementsAre(HasSubstr(
                  "case, blanks or \".0\" alone: \"POS\" (1 post), \"pos\" (5 posts), \"pos \" (1 post); prepare --strip-labels")));
  EXPECT_THAT(odd_labels({{"0.0", 5}, {"1.0", 5}}),
              ElementsAre(HasSubstr("pandas does where a cell is empty: \"0.0\" (5 posts), \"1.0\" (5 posts)")));
  EXPECT_THAT(
      odd_labels({{" a", 5}, {"b", 1}, {"c", 0}}),
      ElementsAre(HasSubstr("blanks at their ends: \" a\""), HasSubstr("a single post"), HasSubstr("without any post: \"c\" (0 posts)")));
}

TEST(LabelWords, NamesThatTheUserGives) {
  const std::vector<std::string> words{"up", "down"}, numbers{"1", "2"}, twice{"Up", "up"};
  EXPECT_EQ(named_label("down", words, false), 1U);
  EXPECT_EQ(named_label("0", words, false), 0U);
  EXPECT_EQ(named_label("1.0", words, false), 1U);
  EXPECT_FALSE(named_label("2", words, false).has_value());
  EXPECT_FALSE(named_label("Up", words, false).has_value());
  EXPECT_EQ(named_label("Up ", words, true), 0U);
  EXPECT_EQ(named_label("1.0", numbers, false), 0U);  // the name, not the place
  EXPECT_FALSE(named_label("0", numbers, false).has_value());
  EXPECT_EQ(named_label("up", twice, true), 1U);
  EXPECT_FALSE(named_label("UP", twice, true).has_value());  // which of the two?
}

TEST(LabelWords, Merging) {
  using Names = std::map<std::string, std::string>;
  EXPECT_EQ(merge_labels({{"POS", 2}, {"pos", 2}, {"pos ", 1}, {"neg", 9}}),
            (Names{{"POS", "pos"}, {"pos", "pos"}, {"pos ", "pos"}, {"neg", "neg"}}));
  EXPECT_EQ(merge_labels({{"B", 1}, {"b", 1}}), (Names{{"B", "B"}, {"b", "B"}}));  // a tie: the first in alphabetical order
  EXPECT_EQ(merge_labels({{"0.0", 1}, {"0", 1}, {" 1.0", 1}}), (Names{{"0.0", "0"}, {"0", "0"}, {" 1.0", "1"}}));
  EXPECT_EQ(merge_labels({{"1.0", 1}, {"v2", 1}}), (Names{{"1.0", "1.0"}, {"v2", "v2"}}));
}

TEST(LabelWords, NumbersWithASign) {
  const std::map<std::string, int64_t> signs = {{"-1.0", 4}, {"0.0", 5}, {"1.0", 6}};
  EXPECT_THAT(odd_labels(signs), testing::ElementsAre(testing::HasSubstr("whole numbers written as decimals")));
  EXPECT_EQ(merge_labels(signs).at("-1.0"), "-1");
  const std::vector<std::string> numbers = {"-1", "0", "1"}, words = {"bad", "so-so", "good"};
  EXPECT_EQ(named_label("-1.0", numbers, true), 0U);
  EXPECT_EQ(named_label("1,0", numbers, false), 2U);
  EXPECT_EQ(named_label("-1", words, true), std::nullopt);  // a place begins at 0
  EXPECT_EQ(named_label("1", words, true), 1U);
}

TEST(LabelWords, AdviceIsOfWhatWasGiven) {
  EXPECT_THAT(odd_labels({{"a", 1}, {"b", 5}}, /*named=*/false).at(0), testing::HasSubstr("correct their spelling, give them more posts"));
  EXPECT_THAT(odd_labels({{"a", 1}, {"b", 5}}, /*named=*/true).at(0), testing::HasSubstr("give them more posts"));
  EXPECT_EQ(only_label({"a"}), "\"a\" is the only label, and a classifier needs two at least");
  EXPECT_EQ(only_label({"a", "b"}), "");
  EXPECT_EQ(only_label({}), "");
}

}  // namespace
}  // namespace infig
