#include "data/utf8.h"

#include "scratch.h"

namespace infig {
namespace {

using test::thrown;

// Rows of table 3-7 of the Unicode standard, at both ends of each range, and what lies just outside.
TEST(Utf8, SequenceLengthFollowsTheTableOfWellFormedSequences) {
  const std::vector<std::pair<std::string, size_t>> cases{
      {"A", 1},
      {std::string(1, '\0'), 1},
      {"\x7F", 1},
      {"\xC2\x80", 2},
      {"\xDF\xBF", 2},
      {"\xE0\xA0\x80", 3},
      {"\xED\x9F\xBF", 3},
      {"\xEE\x80\x80", 3},
      {"\xEF\xBF\xBF", 3},
      {"\xF0\x90\x80\x80", 4},
      {"\xF4\x8F\xBF\xBF", 4},
      {"\x80", 0},  // a continuation byte alone
      {"\xBF", 0},
      {"\xC0\x80", 0},          // overlong NUL
      {"\xC1\xBF", 0},          // overlong 0x7F
      {"\xE0\x9F\xBF", 0},      // overlong U+07FF
      {"\xF0\x8F\xBF\xBF", 0},  // overlong U+FFFF
      {"\xED\xA0\x80", 0},      // U+D800
      {"\xED\xBF\xBF", 0},      // U+DFFF
      {"\xF4\x90\x80\x80", 0},  // U+110000
      {"\xF5\x80\x80\x80", 0},
      {"\xFF", 0},
      {"\xC3", 0},  // cut short
      {"\xE2\x82", 0},
      {"\xF0\x9F\x98", 0},
      {"\xE2\x28\xA1", 0},  // a foreign byte inside
      {"\xE2\x82\x28", 0},
      {"", 0},
  };
  for (const auto& [bytes, length] : cases) EXPECT_EQ(utf8_sequence_length(bytes, 0), length) << ::testing::PrintToString(bytes);
}

TEST(Utf8, DropsOneByteAtATime) {
  EXPECT_EQ(drop_invalid_utf8("plain"), "plain");
  EXPECT_EQ(drop_invalid_utf8("caf\xC3\xA9"), "caf\xC3\xA9");
  EXPECT_EQ(drop_invalid_utf8("a\xA1\xAD"
                              "b"),
            "ab");                                           // GB18030's ellipsis
  EXPECT_EQ(drop_invalid_utf8("\xC0\xAF/"), "/");            // overlong slash: both bytes go
  EXPECT_EQ(drop_invalid_utf8("x\xED\xA0\xBDy"), "xy");      // half a surrogate pair
  EXPECT_EQ(drop_invalid_utf8("x\xF4\x90\x80\x80y"), "xy");  // above U+10FFFF
  EXPECT_EQ(drop_invalid_utf8("end\xE2\x82"), "end");        // cut short at the end
  EXPECT_EQ(drop_invalid_utf8("\xE2\xC3\xA9"), "\xC3\xA9");  // the byte after the bad one begins a good sequence
  EXPECT_EQ(drop_invalid_utf8("\xF0\x9F\x41"), "A");         // and here an ASCII letter
  EXPECT_EQ(drop_invalid_utf8(""), "");
}

TEST(Utf8, FindsTheFirstBadByte) {
  EXPECT_EQ(find_invalid_utf8("caf\xC3\xA9"), std::string_view::npos);
  EXPECT_EQ(find_invalid_utf8("caf\xC3"), 3U);
  EXPECT_EQ(find_invalid_utf8("\xFF"), 0U);
}

TEST(Utf8, DecodesTheEncodingsOfRawFiles) {
  EXPECT_EQ(decode_text(" \t\xA1\xAD so\xA1\xB1 \r\n", TextDecode::kUtf8Ignore), "so");
  EXPECT_EQ(decode_text("so\xA1\xAD\n", TextDecode::kGb18030), "so\xE2\x80\xA6");  // U+2026
  EXPECT_EQ(decode_text("\xD0\xA6", TextDecode::kGb18030), "\xE7\xAC\x91");        // U+7B11, smile
  EXPECT_EQ(decode_text("\xD0\xA6", TextDecode::kUtf8), "\xD0\xA6");
  EXPECT_EQ(decode_text("caf\xE9\n", TextDecode::kLatin1), "caf\xC3\xA9");
  EXPECT_EQ(decode_text("", TextDecode::kGb18030), "");
  EXPECT_EQ(decode_text("\n", TextDecode::kUtf8Ignore), "");
}

TEST(Utf8, StripsAsciiSpaceOnly) {
  EXPECT_EQ(strip_ascii_space(" \t\n\v\f\ra b \r\n"), "a b");
  EXPECT_EQ(strip_ascii_space("\xC2\xA0"
                              "a"),
            "\xC2\xA0"
            "a");  // the no-break space stays
  EXPECT_EQ(strip_ascii_space(" \n "), "");
}

TEST(Utf8, RefusesWhatTheEncodingDoesNotHave) {
  EXPECT_THAT(thrown<DataError>([] { decode_text("ab\xFF", TextDecode::kUtf8); }), ::testing::HasSubstr("byte 2 (0xFF) is not UTF-8"));
  EXPECT_THAT(thrown<DataError>([] { decode_text("ab\xFF", TextDecode::kGb18030); }), ::testing::HasSubstr("byte 2 (0xFF)"));
  EXPECT_THAT(thrown<ConfigError>([] { parse_text_decode("utf16"); }), ::testing::HasSubstr("found \"utf16\""));
  for (const char* word : {"utf8_ignore", "utf8", "gb18030", "latin1"}) EXPECT_STREQ(text_decode_name(parse_text_decode(word)), word);
}

}  // namespace
}  // namespace infig
