// Charts of very little: nothing may be drawn outside the axes, and no step that there is not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>
#include <string>
#include <vector>

#include "core/words.h"
#include "pages/html.h"
#include "pages/svg.h"

namespace infig {
namespace {

// The axes' numbers are drawn from 48 to 408 and from 12 (top) to 208.
std::vector<double> found(const std::string& svg, const std::string& pattern) {
  const std::regex expression(pattern);
  std::vector<double> values;
  for (std::sregex_iterator at(svg.begin(), svg.end(), expression), end; at != end; ++at) values.push_back(std::stod((*at)[1].str()));
  return values;
}

TEST(LineChart, OnePointStaysInsideItsAxes) {
  for (const double value : {1.0986, 0.6931, 0.0373, 3.3, 1e-5, 0.0, 97.0, -2.5, 0.5, 1.0}) {
    for (const bool percent : {false, true}) {
      if (percent && (value < 0 || value > 1)) continue;
      const std::string svg = line_chart({.title = "one", .series = {{.name = "dev", .x = {33}, .y = {value}}}, .percent = percent});
      const std::vector<double> lines = found(svg, "<line x1=\"48.0\" x2=\"408.0\" y1=\"([-0-9.]+)\"");
      ASSERT_GE(lines.size(), 2U) << value;
      for (const double y : lines) {
        EXPECT_GE(y, 12) << value;
        EXPECT_LE(y, 208) << value;
      }
      const std::vector<double> places = found(svg, "<text x=\"([0-9.]+)\" y=\"225.0\" text-anchor=\"middle\"");
      EXPECT_THAT(places, ::testing::ElementsAre(228)) << "one step has one tick, in the middle";
      EXPECT_THAT(svg, ::testing::HasSubstr("text-anchor=\"middle\">33</text>"));
      for (const double y : found(svg, "cy=\"([-0-9.]+)\"")) {
        EXPECT_GE(y, 12) << value;
        EXPECT_LE(y, 208) << value;
      }
      EXPECT_FALSE(percent && svg.find(">110\u00a0%</text>") != std::string::npos) << value;
    }
  }
}

TEST(LineChart, OfLinesWithTheSamePointsBothColoursShow) {
  const auto svg = line_chart({.title = "t",
                               .series = {{.name = "accuracy", .colour = 0, .x = {1, 2}, .y = {.5, .7}},
                                          {.name = "macro F1", .colour = 1, .x = {1, 2}, .y = {.5, .7}},
                                          {.name = "weighted F1", .colour = 2, .x = {1, 2}, .y = {.5, .6}}}});
  EXPECT_THAT(svg, ::testing::HasSubstr("<g class=\"line s0\">"));
  EXPECT_THAT(svg, ::testing::HasSubstr("<g class=\"line s1 over\">"));
  EXPECT_THAT(svg, ::testing::HasSubstr("<g class=\"line s2\">"));
}

TEST(Html, NamesOfVariantsBreakBetweenTheirPartsAlone) {
  EXPECT_EQ(html_name("w/o GAM"), "w/o GAM");
  EXPECT_EQ(html_name("optim.lr=1e-3 & <x>"), "<span class=\"whole\">optim.lr=1e-3</span> &amp; &lt;x&gt;");
  EXPECT_EQ(html_name(""), "");
}

TEST(LineChart, HalfAStepIsNoTick) {
  const std::string svg = line_chart({.title = "two", .series = {{.name = "dev", .x = {1, 2}, .y = {1, 2}}}});
  EXPECT_THAT(svg, ::testing::Not(::testing::HasSubstr(">1.5</text>\n<text x=\"408")));
  EXPECT_THAT(found(svg, "<text x=\"([0-9.]+)\" y=\"225.0\" text-anchor=\"middle\""), ::testing::ElementsAre(48, 408));
}

// .02 around 1.0986 is five times .0001 apart: four digits would print 1.098 five times.
TEST(LineChart, TicksDifferInWords) {
  const std::string svg = line_chart({.title = "flat", .series = {{.name = "dev", .x = {1, 2}, .y = {1.09861, 1.09863}}}});
  const std::regex expression("text-anchor=\"end\">([^<]+)</text>");
  std::vector<std::string> words;
  for (std::sregex_iterator at(svg.begin(), svg.end(), expression), end; at != end; ++at) words.push_back((*at)[1].str());
  ASSERT_GE(words.size(), 4U);
  words.pop_back();  // "step"
  EXPECT_THAT(words, ::testing::ElementsAre("1.09861", "1.098615", "1.09862", "1.098625", "1.09863"));
}

TEST(Words, NumbersAndTheirNouns) {
  EXPECT_EQ(counted(1, "post"), "1 post");
  EXPECT_EQ(counted(0, "post"), "0 posts");
  EXPECT_EQ(counted(1234567, "post"), "1,234,567 posts");
  EXPECT_EQ(counted(2, "class", "classes"), "2 classes");
  EXPECT_EQ(counted(1, "class", "classes"), "1 class");
}

}  // namespace
}  // namespace infig
