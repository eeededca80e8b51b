// Normal forms worked by hand.
#include "text/normal_form.h"

#include <gtest/gtest.h>

namespace infig {
namespace {

TEST(NormalForm, TakesOutWhatVariesBetweenCopies) {
  EXPECT_EQ(normal_form("Hello,  World!"), "hello world");
  EXPECT_EQ(normal_form("RT @some_one: RT @Other what\ta DAY... http://t.co/Xy1?a=b https://x.y"), "what a day");
  EXPECT_EQ(normal_form("  rt @you nice"), "nice");
  EXPECT_EQ(normal_form("lookhttp://t.co/1 up"), "look up");  // tweets run URLs into words
  EXPECT_EQ(normal_form("www.x.org is awww.cute"), "is awww cute");
  EXPECT_EQ(normal_form("art @home: rt"), "art home rt");  // "rt" as a word's end, or without a name, is text
  EXPECT_EQ(normal_form("rt@x: a"), "rt x a");
  EXPECT_EQ(normal_form("RT @x:"), "");
  EXPECT_EQ(normal_form("\u00C9T\u00C9 \u00AB\u00A0oui\u00A0\u00BB"), "\u00E9t\u00E9 oui");
  EXPECT_EQ(normal_form("1 + 1 = 2 $"), "1 1 2");
  EXPECT_EQ(normal_form("so sad \U0001F622!"), "so sad \U0001F622");  // the tone stays
  EXPECT_EQ(normal_form("a\u200Db\x01"), "ab");                       // joiners vanish, controls part
  EXPECT_EQ(normal_form("!!! http://t.co/a"), "");
  EXPECT_EQ(normal_form(""), "");
}

TEST(NormalForm, Urls) {
  EXPECT_TRUE(only_urls(" http://t.co/a\nhttps://b "));
  EXPECT_FALSE(only_urls("http://t.co/a !"));
  EXPECT_FALSE(only_urls("  "));
  EXPECT_TRUE(has_url("see HTTP://T.CO/a"));
  EXPECT_FALSE(has_url("see t.co/a"));
}

}  // namespace
}  // namespace infig
