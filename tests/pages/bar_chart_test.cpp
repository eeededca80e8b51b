#include "pages/bar_chart.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "reference/html_check.h"

namespace infig {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(BarChart, DrawsValuesToScale) {
  const BarChart chart{.title = "Posts & labels",
                       .categories = {"a<b", "c"},
                       .series = {{.name = "train", .colour = 0, .values = {10, 5}}, {.name = "dev", .colour = 1, .values = {0, 2}}}};
  const std::string html = bar_chart(chart);
  EXPECT_THAT(reference::html_faults("<!DOCTYPE html><html lang=\"en\"><head><title>t</title></head><body>" + html + "</body></html>"),
              ::testing::ElementsAre());
  EXPECT_THAT(html, HasSubstr("Posts &amp; labels"));
  EXPECT_THAT(html, HasSubstr("a&lt;b: 10 train"));
  // 10 is the top tick: 196 pixels. 5 is half of that.
  EXPECT_THAT(html, HasSubstr("height=\"196.0\""));
  EXPECT_THAT(html, HasSubstr("height=\"98.0\""));
  EXPECT_THAT(html, Not(HasSubstr("0 dev")));  // nothing is drawn for nothing
}

TEST(BarChart, MarksAndPercent) {
  BarChart chart{.title = "Lengths",
                 .categories = std::vector<std::string>(40, "1000"),
                 .series = {{.name = "all", .colour = 0, .values = std::vector<double>(40, 0.025)}},
                 .percent = true,
                 .axis = "words",
                 .mark = 20,
                 .mark_name = "cut"};
  const std::string html = bar_chart(chart);
  EXPECT_THAT(html, HasSubstr("x1=\"228.0\" x2=\"228.0\""));  // the middle of 48 .. 408
  EXPECT_THAT(html, HasSubstr("2.5\u00a0%"));
  size_t names = 0;
  for (size_t at = html.find(">1000<"); at != std::string::npos; at = html.find(">1000<", at + 1)) ++names;
  EXPECT_LE(names, 12U);  // as many as have room
  chart.series[0].values.pop_back();
  EXPECT_THROW(bar_chart(chart), ShapeError);
  EXPECT_THROW(bar_chart({.title = "none"}), ShapeError);
  EXPECT_THROW(bar_chart({.title = "t", .categories = {"a"}, .series = {{.name = "s", .values = {-1}}}}), ShapeError);
  EXPECT_THROW(bar_chart({.title = "t", .categories = {"a"}, .series = {{.name = "s", .values = {NAN}}}}), ShapeError);
}

}  // namespace
}  // namespace infig
