// Expected scripts are those of Scripts.txt of the Unicode Character Database.
#include "text/script.h"

#include <gtest/gtest.h>

namespace infig {
namespace {

TEST(Script, OfMostLetters) {
  EXPECT_EQ(dominant_script("RT @someone: what a day! http://t.co/x"), "Latin");
  EXPECT_EQ(dominant_script("\u0414\u043e\u0431\u0440\u044b\u0439 \u0434\u0435\u043d\u044c ok"), "Cyrillic");
  EXPECT_EQ(dominant_script("\u03ba\u03b1\u03bb\u03b7\u03bc\u03ad\u03c1\u03b1"), "Greek");
  EXPECT_EQ(dominant_script("\u0635\u0628\u0627\u062d \u0627\u0644\u062e\u064a\u0631"), "Arabic");
  EXPECT_EQ(dominant_script("\u65e9\u4e0a\u597d"), "Han");
  EXPECT_EQ(dominant_script("\uc548\ub155\ud558\uc138\uc694"), "Hangul");
  EXPECT_EQ(dominant_script("\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35"), "Thai");
}

TEST(Script, JapaneseIsOne) {
  EXPECT_EQ(dominant_script("\u65e5\u672c\u8a9e\u3067\u3059"), "Japanese");  // three of Han, two of Hiragana
  EXPECT_EQ(dominant_script("\u30c6\u30b9\u30c8 abcd"), "Latin");            // three against four
  EXPECT_EQ(dominant_script("\u30c6\u30b9\u30c8 abc"), "Japanese");          // the first of equals
}

TEST(Script, NoneWithoutLetters) {
  EXPECT_EQ(dominant_script(""), "none");
  EXPECT_EQ(dominant_script("12:30 ... !! \U0001F600\U0001F44D\U0001F3FD"), "none");
  EXPECT_EQ(dominant_script("\u0301"), "none");       // a combining accent alone is inherited
  EXPECT_EQ(dominant_script("\xff\xfe a"), "Latin");  // what is no UTF-8 is of no script
}

}  // namespace
}  // namespace infig
