#include "prepare/tumemo_source.h"

#include <set>

#include "data/tumemo.h"
#include "prepare/sources.h"

namespace infig {
namespace {

using test::dropped_of;
using test::read_all;
using test::Scratch;
using test::thrown;
using ::testing::HasSubstr;

// The label file of the real layout: every id with the class of its range. Returns how many ids there are.
std::string full_label_file() {
  std::string bytes = "id label\n";
  for (int64_t id = 0; id < kTumemoPosts; ++id) {
    std::string label = tumemo_labels()[static_cast<size_t>(tumemo_class_of(id))];
    label[0] = static_cast<char>(label[0] - 'a' + 'A');
    bytes += std::to_string(id) + " " + label + "\n";
  }
  return bytes;
}

TEST(TumemoSource, FolderLayouts) {
  for (const char* folder : {"raw/", "raw/data/", "raw/all_data/"}) {
    const Scratch scratch;
    scratch.file("raw/all_data_id_and_label.txt", "0 Angry\n14554 Bored\n195264 Sad\n");
    scratch.file(folder + std::string("14554.txt"), "so dull\xFF\n");
    scratch.file(folder + std::string("14554.jpg"), "picture");
    const auto source = open_tumemo({.raw = scratch / "raw"});
    const auto posts = read_all(*source);
    ASSERT_EQ(posts.size(), 3U);
    EXPECT_EQ(posts[0].id, "0");
    EXPECT_EQ(posts[0].text, "");
    EXPECT_EQ(posts[1].text, "so dull");
    EXPECT_EQ(posts[1].label_id, 1);
    EXPECT_EQ(posts[1].picture.file, scratch / (folder + std::string("14554.jpg")));
    EXPECT_EQ(source->facts().rules["class_ranges"], "checked");
    EXPECT_TRUE(dropped_of(*source).empty());
  }
}

TEST(TumemoSource, Faults) {
  const Scratch scratch;
  EXPECT_THAT(thrown<DataError>([&] { open_tumemo({.raw = scratch / "none"}); }), HasSubstr("no such folder"));
  std::filesystem::create_directories(scratch / "raw");
  EXPECT_THAT(thrown<DataError>([&] { open_tumemo({.raw = scratch / "raw"}); }), HasSubstr("all_data_id_and_label.txt: is absent"));
  scratch.file("labels.txt", "0 Angry\n1 Sad\n");
  EXPECT_THAT(thrown<DataError>([&] { open_tumemo({.raw = scratch / "raw", .label_file = scratch / "labels.txt"}); }),
              HasSubstr("1 rows labelled sad lie outside its ids 169988..195264, the first is 1, which is among angry's 0..14553"));
  const TumemoOptions any{.raw = scratch / "raw", .label_file = scratch / "labels.txt", .check_ranges = false};
  EXPECT_THAT(thrown<DataError>([&] { open_tumemo(any); }), HasSubstr("holds 0.txt or 0.jpg"));
  scratch.file("raw/1.txt", "x");
  EXPECT_EQ(open_tumemo(any)->facts().rules["class_ranges"], "not checked; they do not hold");
}

TEST(TumemoSource, ListsOfEveryPostAreTheSplit) {
  const Scratch scratch;
  scratch.file("raw/all_data_id_and_label.txt", "0 Angry\n1 Angry\n2 Angry\n");
  scratch.file("raw/0.txt", "x");
  scratch.file("splits/train.txt", "2\n");
  scratch.file("splits/dev.json", "{\"id\": \"0\", \"label\": \"sad\"}\n{\"id\": \"7\"}\n");
  scratch.file("splits/test.txt", "1\n");
  const auto source = open_tumemo({.raw = scratch / "raw", .splits = scratch / "splits"});
  const auto posts = read_all(*source);
  EXPECT_EQ(posts[0].split, Split::kDev);
  EXPECT_EQ(posts[1].split, Split::kTest);
  EXPECT_EQ(posts[2].split, Split::kTrain);
  ASSERT_EQ(posts[0].notes.size(), 1U);
  EXPECT_EQ(posts[0].notes[0].detail, "sad in the list, angry in the label file");
  EXPECT_EQ(source->facts().rules["split"]["kind"], "lists");
  EXPECT_EQ(source->facts().rules["split"]["lists"]["dev"]["not_in_label_file"], 1);
  // Lists that leave too few posts.
  scratch.file("splits/test.txt", "1\n2\n");
  std::filesystem::remove(scratch / "splits/train.txt");
  std::filesystem::remove(scratch / "splits/dev.json");
  EXPECT_THAT(thrown<DataError>([&] { open_tumemo({.raw = scratch / "raw", .splits = scratch / "splits"}); }),
              HasSubstr("the list of test names 2 posts, more than the 0"));
}

class FullTumemo : public testing::Test {
 protected:
  void SetUp() override {
    scratch_.file("raw/all_data_id_and_label.txt", full_label_file());
    scratch_.file("raw/0.txt", "x");
  }
  static std::vector<Split> splits_of(const PostSource& source) {
    std::vector<Split> splits;
    for (int64_t i = 0; i < source.size(); ++i) splits.push_back(source.read(i).split);
    return splits;
  }
  // Sizes, and that every class has its share of each split within one post and a half.
  static void expect_published_sizes(const std::vector<Split>& splits) {
    std::array<std::array<int64_t, 3>, 7> found{};
    for (size_t id = 0; id < splits.size(); ++id)
      ++found.at(static_cast<size_t>(tumemo_class_of(static_cast<int64_t>(id)))).at(static_cast<size_t>(splits[id]));
    const std::array<int64_t, 3> sizes{156204, 19525, 19536};
    for (size_t s = 0; s < sizes.size(); ++s) {
      int64_t size = 0;
      for (const auto& of_class : found) size += of_class.at(s);
      EXPECT_EQ(size, sizes.at(s));
      for (const auto& of_class : found) {
        const double share = static_cast<double>(of_class[0] + of_class[1] + of_class[2]) * static_cast<double>(sizes.at(s)) / 195265.0;
        EXPECT_NEAR(static_cast<double>(of_class.at(s)), share, 1.5);
      }
    }
  }
  Scratch scratch_;
};

TEST_F(FullTumemo, DrawnSplitHasThePublishedSizes) {
  const auto splits = splits_of(*open_tumemo({.raw = scratch_ / "raw"}));
  expect_published_sizes(splits);
  EXPECT_EQ(splits, splits_of(*open_tumemo({.raw = scratch_ / "raw"})));
  EXPECT_NE(splits, splits_of(*open_tumemo({.raw = scratch_ / "raw", .seed = 2})));
}

TEST_F(FullTumemo, PublicListsKeepTheirIdsAndAreFilledUp) {
  const auto lists = test::real_data("tumemo-mgnns");
  if (lists.empty()) GTEST_SKIP() << "no tumemo-mgnns/ in $INFIG_DATA or beside the checkout";
  const auto source = open_tumemo({.raw = scratch_ / "raw", .splits = lists});
  const auto splits = splits_of(*source);
  expect_published_sizes(splits);
  for (const auto& list : read_tumemo_lists(lists)) {
    for (const auto& row : list.rows) ASSERT_EQ(splits[row.id], list.split) << row.id;
  }
  EXPECT_EQ(source->facts().rules["split"]["kind"], "lists, filled up by drawing");
  EXPECT_EQ(source->facts().rules["split"]["lists"]["test"]["ids"], 10055);
  EXPECT_EQ(source->facts().rules["split"]["sizes"]["test"], 19536);
}

}  // namespace
}  // namespace infig
