// HTML's references against Python's html.unescape (tests/golden/text/html_unescape.json, made by tools/golden/make_html_unescape.py).
#include "text/html_text.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

namespace infig {
namespace {

TEST(HtmlEscapes, AsPythonHasThem) {
  std::ifstream file(std::string(INFIG_SOURCE_DIR) + "/tests/golden/text/html_unescape.json");
  const auto cases = nlohmann::json::parse(file);
  ASSERT_GT(cases.size(), 200U);
  int64_t changed = 0;
  for (const auto& one : cases) {
    EXPECT_EQ(html_unescape(one.at(0).get<std::string>()), one.at(1).get<std::string>()) << one.at(0);
    changed += one.at(0) != one.at(1) ? 1 : 0;
  }
  EXPECT_GT(changed, 20);
}

TEST(HtmlEscapes, OnceAndNothingElse) {
  EXPECT_EQ(html_unescape("&amp;lt;b&amp;gt; R&D"), "&lt;b&gt; R&D");
  EXPECT_EQ(html_unescape(""), "");
  EXPECT_EQ(html_unescape("&"), "&");
}

}  // namespace
}  // namespace infig
