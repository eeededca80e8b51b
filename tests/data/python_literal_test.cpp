#include "data/python_literal.h"

#include "scratch.h"

namespace infig {
namespace {

using test::thrown;
using ::testing::HasSubstr;

std::string text(const PythonValue& value) { return std::get<std::string>(value); }

// What Python's ast.literal_eval makes of the same rows.
TEST(PythonLiteral, ReadsWhatPythonPrinted) {
  const auto row = parse_python_list("['68', \"it's\", 'a \\'b\\' \\\\ \\n\\t', 1, -20]\r\n", "t.txt, line 1");
  ASSERT_EQ(row.size(), 5U);
  EXPECT_EQ(text(row[0]), "68");
  EXPECT_EQ(text(row[1]), "it's");
  EXPECT_EQ(text(row[2]), "a 'b' \\ \n\t");
  EXPECT_EQ(std::get<int64_t>(row[3]), 1);
  EXPECT_EQ(std::get<int64_t>(row[4]), -20);
  EXPECT_TRUE(parse_python_list(" [ ] ", "p").empty());
  EXPECT_EQ(parse_python_list("['a' , 'b',]", "p").size(), 2U);
  EXPECT_EQ(text(parse_python_list("['\\u2060 \\xe9 \\101 \\U0001F600 \\d \xE2\x82\xAC']", "p")[0]),
            "\xE2\x81\xA0 \xC3\xA9 A \xF0\x9F\x98\x80 \\d \xE2\x82\xAC");
  EXPECT_EQ(text(parse_python_list("['\\ud83d\\ude00']", "p")[0]), "\xF0\x9F\x98\x80");
  EXPECT_EQ(text(parse_python_list("['\"]', 1]", "p")[0]), "\"]");
}

TEST(PythonLiteral, EveryFaultNamesItsColumn) {
  const auto message = [](std::string_view line) { return thrown<DataError>([&] { parse_python_list(line, "t.txt, line 7"); }); };
  EXPECT_EQ(message("'a', 1"), "t.txt, line 7, column 1: expected a list, which begins with [");
  EXPECT_EQ(message(""), "t.txt, line 7, column 1: expected a list, which begins with [");
  EXPECT_THAT(message("['\xC3\xA9', 'b"), HasSubstr("column 7: the text that begins here has no closing quote"));
  EXPECT_THAT(message("['a' 'b']"), HasSubstr("column 6: expected a comma or ]"));
  EXPECT_THAT(message("['a', None]"), HasSubstr("column 7: expected a quoted text or a whole number"));
  EXPECT_THAT(message("['a', 1.5]"), HasSubstr("column 8: expected a comma or ]"));
  EXPECT_THAT(message("['a',, 1]"), HasSubstr("column 6: expected a quoted text"));
  EXPECT_THAT(message("[99999999999999999999]"), HasSubstr("column 2: 99999999999999999999 is not a whole number of 64 bits"));
  EXPECT_THAT(message("[-]"), HasSubstr("column 2: - is not a whole number"));
  EXPECT_THAT(message("['a'] x"), HasSubstr("column 7: text follows the list"));
  EXPECT_THAT(message("['a'"), HasSubstr("column 5: expected a comma or ]"));
  EXPECT_THAT(message("['\\u20', 1]"), HasSubstr("column 3: the escape wants 4 hexadecimal digits"));
  EXPECT_THAT(message("['\\x+1']"), HasSubstr("column 3: the escape wants 2 hexadecimal digits"));
  EXPECT_THAT(message("['\\ud83d']"), HasSubstr("column 3: the escape names U+D83D, which is not a character"));
  EXPECT_THAT(message("['\\ud83d\\u0041']"), HasSubstr("is not a surrogate pair"));
  EXPECT_THAT(message("['\\U00110000']"), HasSubstr("U+110000, which is not a character"));
  EXPECT_THAT(message("['a\\"), HasSubstr("column 4: a backslash ends the row"));
  EXPECT_THAT(message("['a\xFF']"), HasSubstr("column 4: byte 0xFF is not UTF-8"));
}

}  // namespace
}  // namespace infig
