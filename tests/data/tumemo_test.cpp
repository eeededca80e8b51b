#include "data/tumemo.h"

#include <numeric>

#include "data/published_counts.h"
#include "scratch.h"

namespace infig {
namespace {

using test::Scratch;
using test::thrown;
using ::testing::HasSubstr;

TEST(Tumemo, LabelFileWithAndWithoutHeader) {
  for (const char* header : {"", "id label\n", "\xEF\xBB\xBFID\tLabel\r\n\r\n"}) {
    const auto rows = parse_tumemo_labels(std::string(header) + "0 Angry\r\n14554\tbored\n\n 64946  FEARFUL \n135477 loving", "L");
    ASSERT_EQ(rows.size(), 4U) << header;
    EXPECT_EQ(rows[0].id, 0U);
    EXPECT_EQ(rows[0].label_id, 0);
    EXPECT_EQ(rows[1].label_id, 1);
    EXPECT_EQ(rows[2].label_id, 3);
    EXPECT_EQ(rows[3].id, 135477U);
    EXPECT_EQ(rows[3].label_id, 5);
    EXPECT_TRUE(tumemo_range_faults(rows).empty());
  }
}

TEST(Tumemo, LabelFileFaults) {
  const auto message = [](const char* bytes) { return thrown<DataError>([&] { parse_tumemo_labels(bytes, "L"); }); };
  EXPECT_THAT(message("id label\n0 Angry\nx Sad\n"), HasSubstr("L, line 3: the id is \"x\""));
  EXPECT_THAT(message("0 Angry\n1 Glad\n"), HasSubstr("line 2: the label is \"Glad\", expected angry, bored"));
  EXPECT_THAT(message("0 Angry\n1\n"), HasSubstr("line 2: \"1\" holds no label"));
  EXPECT_THAT(message("0 Angry 1\n"), HasSubstr("line 1: the label is \"Angry 1\""));
  EXPECT_THAT(message("0 Angry\n-1 Angry\n"), HasSubstr("line 2: the id is \"-1\""));
  EXPECT_THAT(message("0 Angry\n4294967296 Angry\n"), HasSubstr("line 2: the id is \"4294967296\""));
  EXPECT_THAT(message("3 Angry\n4 Angry\n3 Angry\n"), HasSubstr("line 3: id 3 is already in line 1"));
  EXPECT_THAT(message("id label\n"), HasSubstr("holds no row"));
  EXPECT_THAT(message(""), HasSubstr("holds no row"));
}

// docs/published-data.md: ids are sorted by class.
TEST(Tumemo, ClassRanges) {
  const std::vector<int64_t> totals{14554, 32283, 18109, 20264, 50267, 34511, 25277};
  EXPECT_EQ(std::accumulate(totals.begin(), totals.end(), int64_t{0}), kTumemoPosts);
  EXPECT_EQ(std::accumulate(kTumemoTotals.begin(), kTumemoTotals.end(), int64_t{0}), kTumemoPosts);
  std::vector<int64_t> found(7, 0);
  for (int64_t id = 0; id < kTumemoPosts; ++id) ++found.at(static_cast<size_t>(tumemo_class_of(id)));
  EXPECT_EQ(found, totals);
  EXPECT_EQ(tumemo_class_of(-1), -1);
  EXPECT_EQ(tumemo_class_of(195264), 6);
  EXPECT_EQ(tumemo_class_of(195265), -1);
  EXPECT_EQ(tumemo_range(1), "14554..46836");
  const auto faults = tumemo_range_faults({{.id = 14553, .label_id = 1}, {.id = 14554, .label_id = 1}, {.id = 195265, .label_id = 6}});
  ASSERT_EQ(faults.size(), 2U);
  EXPECT_EQ(faults[0], "1 rows labelled bored lie outside its ids 14554..46836, the first is 14553, which is among angry's 0..14553");
  EXPECT_EQ(faults[1],
            "1 rows labelled sad lie outside its ids 169988..195264, the first is 195265, which is beyond TumEmo's last id, 195264");
}

TEST(Tumemo, Lists) {
  const Scratch scratch;
  scratch.file("a/val_all_anno.json", "{\"id\": \"5\", \"text\": \"x\", \"label\": \"Angry\"}\r\n\n{\"id\": 6}\n");
  scratch.file("a/train.txt", "7 whatever\n8\n");
  const auto lists = read_tumemo_lists(scratch / "a");
  ASSERT_EQ(lists.size(), 2U);
  EXPECT_EQ(lists[0].split, Split::kTrain);
  EXPECT_EQ(lists[0].rows[0].id, 7U);
  EXPECT_EQ(lists[0].rows[1].label_id, -1);
  EXPECT_EQ(lists[1].split, Split::kDev);
  EXPECT_EQ(lists[1].rows[0].label_id, 0);
  EXPECT_EQ(lists[1].rows[1].id, 6U);
  EXPECT_EQ(lists[1].rows[1].label_id, -1);
  const auto message = [&](const char* name, const char* bytes) {
    const Scratch own;
    own.file(name, bytes);
    own.file("test.txt", "1\n");
    return thrown<DataError>([&] { read_tumemo_lists(own.path()); });
  };
  EXPECT_THAT(message("train.json", "[1]\n"), HasSubstr("train.json, line 1: no JSON object"));
  EXPECT_THAT(message("train.json", "{\"id\": 2}\n{\"id\": \"x\"}\n"), HasSubstr("line 2: the id is \"x\""));
  EXPECT_THAT(message("train.json", "{\"name\": 2}\n"), HasSubstr("line 1: field \"id\" is missing"));
  EXPECT_THAT(message("train.json", "{\"id\": 2, \"label\": \"glad\"}\n"), HasSubstr("field \"label\" is \"glad\""));
  EXPECT_THAT(message("train.json", "{\"id\": 2, \"label\": 3}\n"), HasSubstr("field \"label\" is 3"));
  EXPECT_THAT(message("train.txt", "2\n1\n"), HasSubstr("test.txt: id 1 is already in train.txt"));
  EXPECT_THAT(message("train.txt", "2\nx\n"), HasSubstr("train.txt, line 2: the id is \"x\""));
  EXPECT_THAT(message("train.txt", "\n"), HasSubstr("train.txt: holds no id"));
  EXPECT_THAT(message("test.json", "{\"id\": 2}\n"), HasSubstr("is the same split"));
  EXPECT_THAT(thrown<DataError>([&] { read_tumemo_lists(scratch.path()); }), HasSubstr("holds no list of ids"));
  EXPECT_THAT(thrown<DataError>([&] { read_tumemo_lists(scratch / "none"); }), HasSubstr("no such folder"));
}

// All 20,090 ids that MGNNS publishes lie in the range of the class that it gives them.
TEST(Tumemo, PublicIdsLieInTheirRanges) {
  const auto folder = test::real_data("tumemo-mgnns");
  if (folder.empty()) GTEST_SKIP() << "no tumemo-mgnns/ in $INFIG_DATA or beside the checkout";
  const auto lists = read_tumemo_lists(folder);
  ASSERT_EQ(lists.size(), 2U);
  EXPECT_EQ(lists[0].split, Split::kDev);
  EXPECT_EQ(lists[0].rows.size(), 10035U);
  EXPECT_EQ(lists[1].rows.size(), 10055U);
  for (const auto& list : lists) EXPECT_TRUE(tumemo_range_faults(list.rows).empty());
}

TEST(Published, TumemoBySizesClassesAndIds) {
  DataSet data{.name = "", .folder = "", .labels = tumemo_labels(), .posts = {}, .sha256 = ""};
  for (int64_t id = 0; id < kTumemoPosts; ++id) {
    const int64_t label = tumemo_class_of(id);
    data.posts.push_back({.id = std::to_string(id),
                          .text = "",
                          .image = "",
                          .label = tumemo_labels()[static_cast<size_t>(label)],
                          .label_id = label,
                          .split = id % 10 == 0 && id / 10 < 19525   ? Split::kDev
                                   : id % 10 == 1 && id / 10 < 19526 ? Split::kTest
                                                                     : Split::kTrain});
  }
  int64_t more = 10;
  for (auto& post : data.posts) {
    if (more > 0 && post.split == Split::kTrain && post.label_id == 6) post.split = --more >= 0 ? Split::kTest : Split::kTrain;
  }
  EXPECT_THAT(published_misses(data, "tumemo"), ::testing::IsEmpty());
  data.posts[5].label_id = 1;
  data.posts[5].label = "bored";
  data.posts[6].split = Split::kDev;
  const auto misses = published_misses(data, "tumemo");
  ASSERT_EQ(misses.size(), 5U);
  EXPECT_EQ(misses[0], "train holds 156203 posts, tumemo has 156204");
  EXPECT_EQ(misses[1], "dev holds 19526 posts, tumemo has 19525");
  EXPECT_EQ(misses[2], "14553 posts are labelled angry, tumemo has 14554");
  EXPECT_EQ(misses[4], "1 posts contradict the ids of tumemo, the first: 5 is labelled bored, but its number is angry's");
  std::erase_if(data.posts, [](const Post& post) { return post.split == Split::kTrain; });
  EXPECT_EQ(published_misses(data, "tumemo").size(), 1U);  // dev's size: no class total without all three splits
  EXPECT_THAT(thrown<ConfigError>([&] { published_splits("mvsa"); }), HasSubstr("expected hfm or mvsa-multiple or mvsa-single or tumemo"));
}

}  // namespace
}  // namespace infig
