// Twins of posts by hand: which is named, what is counted, what is written, what a clean test leaves out.
#include "quality/leaks.h"

#include <nlohmann/json.hpp>

#include "data/scratch.h"
#include "quality/clean_test.h"
#include "quality/shortcuts.h"

namespace infig {
namespace {

using test::Scratch;
using test::slurp;
using test::thrown;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

DataSet made(const std::vector<std::tuple<const char*, int64_t, Split>>& rows) {
  DataSet data{.name = "made", .folder = "", .labels = {"x", "y,z"}, .posts = {}, .sha256 = "abc"};
  for (const auto& [text, label, split] : rows) {
    data.posts.push_back({.id = "p" + std::to_string(data.posts.size()),
                          .text = text,
                          .image = {},
                          .label = data.labels[static_cast<size_t>(label)],
                          .label_id = label,
                          .split = split});
  }
  return data;
}

std::vector<std::string> texts_of(const DataSet& data) {
  std::vector<std::string> texts;
  for (const auto& post : data.posts) texts.push_back(post.text);
  return texts;
}

// Rows 0 and 1 stand in test and dev before their twins in train: reading order is by split.
DataSet example() {
  return made({{"a", 0, Split::kTest},
               {"a", 1, Split::kDev},
               {"a", 1, Split::kTrain},
               {"a", 0, Split::kTrain},
               {"b", 0, Split::kTest},
               {"b", 0, Split::kTest},
               {"", 0, Split::kTrain},
               {"", 0, Split::kTest},
               {"c", 0, Split::kTrain},
               {"c", 1, Split::kTest}});
}

TEST(Leaks, EqualContents) {
  const DataSet data = example();
  const Contents contents = group_contents(data, texts_of(data));
  EXPECT_THAT(contents.rows, ElementsAre(ElementsAre(2, 3, 1, 0), ElementsAre(8, 9), ElementsAre(4, 5)));
  EXPECT_THAT(contents.content_of, ElementsAre(0, 0, 0, 0, 2, 2, -1, -1, 1, 1));
  const auto leaks = equal_leaks(data, contents, LeakKind::kText);
  EXPECT_THAT(leaks, ElementsAre(Leak{LeakKind::kText, 3, 2, 1},    // train: the first of it has another label
                                 Leak{LeakKind::kText, 1, 2, 1},    // dev: the twin with its label, though 3 would do
                                 Leak{LeakKind::kText, 0, 3, 1},    // test in train: the twin with its label, not the first
                                 Leak{LeakKind::kText, 0, 1, 1},    // test in dev: the only one
                                 Leak{LeakKind::kText, 5, 4, 1},    // inside test
                                 Leak{LeakKind::kText, 9, 8, 1}));  // another label
  const auto counts = count_leaks(data, leaks);
  const auto line = [](const LeakCount& count) {
    return std::string(split_name(count.split)) + " in " + split_name(count.other) + " " + std::to_string(count.posts) + "/" +
           std::to_string(count.other_label);
  };
  std::vector<std::string> lines;
  for (const auto& count : counts) lines.push_back(line(count));
  EXPECT_THAT(lines, ElementsAre("test in train 2/1", "test in dev 1/1", "dev in train 1/0", "test in test 1/0", "train in train 1/1"));
}

TEST(Leaks, NearContentsGoByTheBestNeighbour) {
  const DataSet data =
      made({{"a", 0, Split::kTrain}, {"b", 1, Split::kTrain}, {"c", 0, Split::kTrain}, {"d", 0, Split::kTest}, {"d", 0, Split::kTest}});
  const Contents contents = group_contents(data, texts_of(data));
  const std::vector<Match> matches{{0, 3, 0.81}, {1, 3, 0.99}, {2, 3, 0.9}};
  EXPECT_THAT(near_leaks(data, contents, matches, LeakKind::kNearText),
              ElementsAre(Leak{LeakKind::kNearText, 3, 2, 0.9},
                          Leak{LeakKind::kNearText, 4, 2, 0.9}));  // own label before likeness; not each other
  std::vector<Match> backwards(matches.rbegin(), matches.rend());
  EXPECT_EQ(near_leaks(data, contents, backwards, LeakKind::kNearText), near_leaks(data, contents, matches, LeakKind::kNearText));
  EXPECT_THAT(near_leaks(data, contents, std::vector<Match>{{1, 3, 0.99}}, LeakKind::kNearText).front().other, 1);
}

TEST(Leaks, TheTable) {
  const Scratch scratch;
  const DataSet data = example();
  write_leaks(data, std::vector<Leak>{{LeakKind::kNearPicture, 9, 8, 0.98765}}, scratch / "leaks.csv");
  EXPECT_EQ(slurp(scratch / "leaks.csv"),
            "kind,split,id,label,other_split,other_id,other_label,similarity\nnear_picture,test,p9,\"y,z\",train,p8,x,0.9877\n");
}

TEST(CleanTest, LeavesOutWhatOtherSplitsHold) {
  VerifyReport report;
  report.data = example();
  report.leaks = equal_leaks(report.data, group_contents(report.data, texts_of(report.data)), LeakKind::kText);
  report.leaks.push_back({LeakKind::kNearPicture, 0, 3, 0.95});
  EXPECT_THAT(leaked_test_rows(report), ElementsAre(0, 9));
  const CleanTest clean = make_clean_test(report);
  EXPECT_THAT(clean.ids, ElementsAre("p4", "p5", "p7"));  // a repetition inside test stays
  ASSERT_EQ(clean.left_out.size(), 2U);
  EXPECT_THAT(clean.left_out[0].kinds, ElementsAre("text", "near_picture"));
  const Scratch scratch;
  write_clean_test(clean, scratch / "clean-test.json");
  const auto json = nlohmann::json::parse(slurp(scratch / "clean-test.json"));
  EXPECT_EQ(json["data_sha256"], "abc");
  EXPECT_EQ(json["posts"], 5);
  EXPECT_EQ(json["kept"], 3);
  const CleanTest read = read_clean_test(scratch / "clean-test.json");
  EXPECT_EQ(read.ids, clean.ids);
  EXPECT_EQ(read.left_out[0].id, "p0");
  EXPECT_EQ(clean_test_path(scratch.path()), scratch / "clean-test.json");
  EXPECT_EQ(clean_test_path("posts.csv"), "posts.csv.clean-test.json");
  scratch.file("broken.json", "{\"ids\": 3}");
  EXPECT_THAT(thrown<DataError>([&] { read_clean_test(scratch / "broken.json"); }), HasSubstr("not a clean test list"));
}

const ShortcutScore& on_test(const std::vector<Shortcut>& shortcuts, const std::string& name) {
  for (const auto& one : shortcuts) {
    if (one.name == name) return one.splits.at(Split::kTest);
  }
  ADD_FAILURE() << "no rule " << name;
  return shortcuts.front().splits.at(Split::kTest);
}

TEST(Shortcuts, RulesByHand) {
  // Train: # goes with label 1 (3 of 3), everything else with label 0 (4 of 5). "zebra" tells them apart as well as # does, but for one.
  const DataSet data = made({{"# zebra a1", 1, Split::kTrain},
                             {"# zebra", 1, Split::kTrain},
                             {"# lion http://x", 1, Split::kTrain},
                             {"plain one", 0, Split::kTrain},
                             {"plain two", 0, Split::kTrain},
                             {"plain three", 0, Split::kTrain},
                             {"plain four", 0, Split::kTrain},
                             {"lion", 1, Split::kTrain},
                             {"# x1", 1, Split::kTest},
                             {"# plain", 0, Split::kTest},
                             {"none", 0, Split::kTest},
                             {"RT zebra", 1, Split::kTest}});
  const auto shortcuts = find_shortcuts(data, {}, {});
  // train is 4 to 4, so the first label is the majority
  EXPECT_EQ(shortcuts[0].detail, "x");
  EXPECT_DOUBLE_EQ(on_test(shortcuts, "majority").accuracy, 0.5);
  EXPECT_EQ(on_test(shortcuts, "majority").posts, 4);
  EXPECT_EQ(shortcuts[1].name, "has #");
  EXPECT_EQ(shortcuts[1].detail, "with: y,z, without: x");
  EXPECT_DOUBLE_EQ(on_test(shortcuts, "has #").accuracy, 0.5);  // right: first and third
  // Confusion [[1, 1], [1, 1]]: both F1 are 0.5.
  EXPECT_DOUBLE_EQ(on_test(shortcuts, "has #").f1_macro, 0.5);
  // "plain" is right for all eight of train.
  EXPECT_DOUBLE_EQ(on_test(shortcuts, "best word \"plain\"").accuracy, 0.75);
  EXPECT_GT(on_test(shortcuts, "has #").accuracy_high, on_test(shortcuts, "has #").accuracy);
  EXPECT_DOUBLE_EQ(on_test(shortcuts, "starts with RT").accuracy, 0.5);  // a value that train lacks gets the majority
  EXPECT_GE(on_test(shortcuts, "bag of words").accuracy, 0.75);
  EXPECT_EQ(shortcuts, find_shortcuts(data, {}, {.threads = 3})) << "threads change nothing";
}

TEST(Shortcuts, PicturesAndWhatIsLacking) {
  DataSet data =
      made({{"a1", 0, Split::kTrain}, {"a1", 0, Split::kTrain}, {"a1", 1, Split::kTrain}, {"a1", 1, Split::kDev}, {"a1", 0, Split::kDev}});
  std::vector<PictureFacts> pictures(5);
  pictures[0] = {.status = "ok", .usable = true, .width = 30, .height = 20};
  pictures[1] = pictures[0];
  pictures[2] = {.status = "absent"};
  pictures[3] = {.status = "none"};
  pictures[4] = {.status = "ok", .usable = true, .width = 31, .height = 20};
  const auto shortcuts = find_shortcuts(data, pictures, {});
  for (const auto& one : shortcuts) {
    EXPECT_FALSE(one.splits.contains(Split::kTest));
    if (one.name == "picture missing") {
      EXPECT_DOUBLE_EQ(one.splits.at(Split::kDev).accuracy, 1.0);
    } else if (one.name == "picture size") {
      EXPECT_EQ(one.detail, "0x0: y,z, 30x20: x");
    }
  }
  data.posts.resize(3);
  EXPECT_THAT(find_shortcuts(data, {}, {}), IsEmpty());  // nothing to score on
}

}  // namespace
}  // namespace infig
