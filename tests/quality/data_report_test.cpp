// The page: its sections, what it must never hold, and that it is well-formed.
#include "quality/data_report.h"

#include <nlohmann/json.hpp>

#include "data/scratch.h"
#include "image/encode.h"
#include "reference/html_check.h"

namespace infig {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

VerifyReport example(const test::Scratch& scratch) {
  VerifyReport report;
  report.data = {.name = "made <up>", .folder = scratch.path(), .labels = {"x", "y & z"}, .posts = {}, .sha256 = "abc"};
  const auto add = [&](const char* id, const char* text, int64_t label, Split split) {
    report.data.posts.push_back(
        {.id = id, .text = text, .image = {}, .label = report.data.labels[static_cast<size_t>(label)], .label_id = label, .split = split});
  };
  add("1", "<script>alert(1)</script> & so on", 0, Split::kTrain);
  add("2", "<script>alert(1)</script> & so on", 1, Split::kTest);
  add("3", "caf\u00C3\u00A9", 1, Split::kDev);
  report.data.posts[0].image = scratch.file("one.jpg", encode_jpeg(make_image(60, 40, 200, 30, 30), 90));
  report.data.posts[1].image = scratch.file("two.jpg", "none");
  report.texts = collect_text_facts(report.data.posts, nullptr, 1);
  report.pictures = scan_pictures(report.data.posts, {});
  report.near_text_threshold = 0.8;
  report.leaks = {{LeakKind::kText, 1, 0, 1}, {LeakKind::kNearText, 1, 0, 0.87654}};
  report.leak_counts = count_leaks(report.data, report.leaks);
  report.shortcuts = find_shortcuts(report.data, report.pictures, {});
  return report;
}

TEST(DataReport, IsWholeAndSafe) {
  const test::Scratch scratch;
  VerifyReport report = example(scratch);
  const std::string html = render_data_report(report, {});
  EXPECT_THAT(reference::html_faults(html), ::testing::ElementsAre());
  EXPECT_THAT(html, Not(HasSubstr("<script>alert")));
  EXPECT_THAT(html, HasSubstr("&lt;script&gt;alert(1)"));
  EXPECT_THAT(html, Not(HasSubstr("http://")));
  EXPECT_THAT(html, Not(HasSubstr(scratch.path().string())));
  for (const char* id : {"classes", "leaks", "pairs", "shortcuts", "lengths", "texts", "pictures"})
    EXPECT_THAT(html, HasSubstr(std::string("<h2 id=\"") + id + "\">"));
  EXPECT_THAT(html, HasSubstr("made &lt;up&gt;"));
  EXPECT_THAT(html, HasSubstr("y &amp; z"));
  EXPECT_THAT(html, HasSubstr("data:image/jpeg;base64,"));
  EXPECT_THAT(html, HasSubstr("similarity 0.877"));
  EXPECT_THAT(html, HasSubstr("picture unreadable"));
  EXPECT_THAT(html, HasSubstr("looks like mojibake: 1 post<"));
  EXPECT_THAT(html, HasSubstr("Everything that the data set states"));
  EXPECT_EQ(html, render_data_report(report, {.threads = 3}));
  report.misses = {"train holds 3 < 4"};
  report.row_faults = {"posts.jsonl, line 2: bad"};
  EXPECT_THAT(render_data_report(report, {}), HasSubstr("train holds 3 &lt; 4"));
  EXPECT_THROW(render_data_report(report, {.thumbnail = 3}), ConfigError);
}

TEST(DataReport, LengthsWithTokensAndAnEmptyDataSet) {
  const test::Scratch scratch;
  VerifyReport report = example(scratch);
  report.texts.tokens = {5, 140, 3};
  report.max_length = 128;
  EXPECT_EQ(count_cut(report, Split::kTest), 1);
  EXPECT_EQ(count_cut(report, Split::kTrain), 0);
  EXPECT_THAT(render_data_report(report, {}), HasSubstr("1 (100.0\u00A0%)"));
  VerifyReport nothing;
  nothing.data.labels = {"x"};
  nothing.misses = {"there is not one usable post"};
  EXPECT_THAT(reference::html_faults(render_data_report(nothing, {})), ::testing::ElementsAre());
}

}  // namespace
}  // namespace infig
