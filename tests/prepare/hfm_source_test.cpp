#include "prepare/hfm_source.h"

#include <nlohmann/json.hpp>

#include "core/files.h"
#include "prepare/sources.h"

namespace infig {
namespace {

using test::counts_of;
using test::dropped_of;
using test::read_all;
using test::Scratch;
using test::thrown;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

void write_hfm_raw(const Scratch& scratch) {
  scratch.file("raw/text/train.txt", "['1', 'one # humor', 1]\r\n['2', \"two's \", 1]\r\n['3', 'three', 0]\r\n['4', 'irony <url>', 0]\r\n");
  scratch.file("raw/text/valid2.txt", "['5', ' five', 1, 0]\r\n");
  scratch.file("raw/text/test2.txt", "['6', 'six\\nsix', 0, 1]\r\n");
  scratch.file("raw/text/valid.txt", "no row: never read");
  scratch.file("raw/extract/extract_all",
               "['2', 'a', 'b', 'c', 'd', 'e']\r\n['1', 'a', 'b', 'c', 'd', 'e']\r\n['6', 'v', 'w', 'x', 'y', 'z']\r\n");
}

TEST(HfmSource, TheAuthorsFiles) {
  const Scratch scratch;
  write_hfm_raw(scratch);
  scratch.file("raw/dataset_image/2.jpg", "picture");
  const auto source = open_hfm({.raw = scratch / "raw"});
  EXPECT_THAT(counts_of(*source), ElementsAre(Pair("rows in the text files", 6), Pair("without a word of the filter", 4)));
  EXPECT_THAT(dropped_of(*source), ElementsAre("1: holds humor", "4: holds <url>, irony"));
  const auto posts = read_all(*source);
  ASSERT_EQ(posts.size(), 4U);
  EXPECT_EQ(posts[0].id, "2");
  EXPECT_EQ(posts[0].text, "two's ");
  EXPECT_EQ(posts[0].label_id, 1);
  EXPECT_EQ(posts[0].fields.dump(), R"({"attributes":["a","b","c","d","e"]})");
  EXPECT_EQ(posts[0].picture.file, scratch / "raw/dataset_image/2.jpg");
  EXPECT_TRUE(posts[1].fields.is_null());
  ASSERT_EQ(posts[1].notes.size(), 1U);
  EXPECT_EQ(posts[1].notes[0].kind, "no attribute words");
  EXPECT_EQ(posts[2].text, " five");
  EXPECT_EQ(posts[2].label_id, 0);  // the human label
  EXPECT_EQ(posts[2].split, Split::kDev);
  EXPECT_EQ(posts[3].text, "six\nsix");
  EXPECT_EQ(posts[3].split, Split::kTest);
  const auto& rules = source->facts().rules;
  EXPECT_EQ(rules["filter"]["rows_with"].dump(), R"({"<url>":1,"humor":1,"irony":1})");
  EXPECT_EQ(rules["split"]["dev"], "valid2.txt");
  ASSERT_EQ(source->facts().inputs.size(), 4U);
  EXPECT_EQ(source->facts().inputs[0].name, "text/train.txt");
  EXPECT_EQ(source->facts().inputs[0].sha256, sha256_hex(test::slurp(scratch / "raw/text/train.txt")));
  // The folder of the texts, or the parent of the repository, will do as well.
  EXPECT_EQ(open_hfm({.raw = scratch / "raw/text"})->size(), 4);
}

TEST(HfmSource, SplitFilesAloneAndWithTheRows) {
  const Scratch scratch;
  write_hfm_raw(scratch);
  scratch.file("splits/train.json",
               R"([{"id": "3", "text": "three", "emotion_label": 1}, {"id": "9", "text": "nine", "emotion_label": 0}])");
  scratch.file("splits/valid.json", R"([{"id": "5", "text": "five", "emotion_label": 0}])");
  const auto alone = open_hfm({.splits = scratch / "splits"});
  const auto posts = read_all(*alone);
  ASSERT_EQ(posts.size(), 3U);
  EXPECT_EQ(posts[1].text, "nine");
  EXPECT_EQ(posts[2].split, Split::kDev);
  EXPECT_FALSE(posts[0].picture.none());  // named all the same, so that what is lost is counted
  EXPECT_THAT(alone->facts().pictures_absent, HasSubstr("no folder of pictures"));
  const auto both = open_hfm({.raw = scratch / "raw", .splits = scratch / "splits", .images = scratch / "none"});
  EXPECT_THAT(both->facts().pictures_absent, HasSubstr("none is absent"));
  const auto checked = read_all(*both);
  ASSERT_EQ(checked.size(), 3U);
  EXPECT_THAT(checked[0].notes[0].kind, HasSubstr("label differs"));
  EXPECT_EQ(checked[0].label_id, 1);
  EXPECT_THAT(checked[1].notes[0].kind, HasSubstr("not among the rows"));
  EXPECT_THAT(checked[2].notes[0].kind, HasSubstr("text differs"));
  EXPECT_EQ(checked[2].text, " five");
  EXPECT_THAT(dropped_of(*both),
              ElementsAre("1: holds humor", "4: holds <url>, irony", "2: in none of the split files", "6: in none of the split files"));
}

TEST(HfmSource, Faults) {
  const Scratch scratch;
  EXPECT_THAT(thrown<ConfigError>([] { open_hfm({}); }), HasSubstr("give --raw"));
  EXPECT_THAT(thrown<DataError>([&] { open_hfm({.raw = scratch / "none"}); }), HasSubstr("no such folder"));
  EXPECT_THAT(thrown<DataError>([&] { open_hfm({.raw = scratch.path()}); }), HasSubstr("holds none of text/train.txt"));
  write_hfm_raw(scratch);
  scratch.file("raw/text/test2.txt", "['6', 'six', 0, 1]\r\n['2', 'again', 0, 1]\r\n");
  EXPECT_THAT(thrown<DataError>([&] { open_hfm({.raw = scratch / "raw"}); }),
              ::testing::AllOf(HasSubstr("test2.txt, line 2: id 2 is already in"), HasSubstr("train.txt, line 2")));
  scratch.file("raw/text/test2.txt", "['6', 'six', 0, 1]\r\n\r\n['7', 'seven, 0, 1]\r\n");
  EXPECT_THAT(thrown<DataError>([&] { open_hfm({.raw = scratch / "raw"}); }), HasSubstr("test2.txt, line 3, column 7"));
  write_hfm_raw(scratch);
  scratch.file("raw/extract/extract_all", "['2', 'a', 'b', 'c', 'd', 'e']\r\n['2', 'a', 'b', 'c', 'd', 'e']\r\n");
  EXPECT_THAT(thrown<DataError>([&] { open_hfm({.raw = scratch / "raw"}); }), HasSubstr("extract_all, line 2: id 2 is already"));
}

class RealHfm : public testing::Test {
 protected:
  void SetUp() override {
    raw_ = test::real_data("hfm-raw");
    splits_ = test::real_data("hfm-text");
    if (raw_.empty() || splits_.empty()) GTEST_SKIP() << "no hfm-raw/ and hfm-text/ in $INFIG_DATA or beside the checkout";
  }
  std::filesystem::path raw_;
  std::filesystem::path splits_;
};

TEST_F(RealHfm, BothRoadsEndInTheSamePosts) {
  const auto raw = open_hfm({.raw = raw_});
  const auto split = open_hfm({.splits = splits_});
  const auto both = open_hfm({.raw = raw_, .splits = splits_});
  ASSERT_EQ(raw->size(), 24635);
  ASSERT_EQ(split->size(), 24635);
  ASSERT_EQ(both->size(), 24635);
  for (int64_t i = 0; i < raw->size(); ++i) {
    const RawPost left = raw->read(i);
    const RawPost right = split->read(i);
    ASSERT_EQ(left.id, right.id);
    ASSERT_EQ(left.text, right.text) << left.id;
    ASSERT_EQ(left.label_id, right.label_id) << left.id;
    ASSERT_EQ(left.split, right.split) << left.id;
    const RawPost joined = both->read(i);
    ASSERT_EQ(joined.id, left.id);
    ASSERT_EQ(joined.fields, left.fields) << left.id;
    ASSERT_TRUE(joined.notes.empty()) << left.id;
  }
}

// docs/published-data.md; the digest is of what Python's ast.literal_eval makes of the same files.
TEST_F(RealHfm, KnownFacts) {
  const auto source = open_hfm({.raw = raw_});
  EXPECT_THAT(counts_of(*source),
              ElementsAre(Pair("rows in the text files", 29040 + 2410 + 2409), Pair("without a word of the filter", 24635)));
  EXPECT_EQ(test::totals_of(*source), "train 11174/8642 dev 1451/959 test 1450/959");
  EXPECT_EQ(dropped_of(*source).size(), 29040U - 19816U);
  EXPECT_EQ(
      source->facts().rules["filter"]["rows_with"],
      nlohmann::ordered_json::parse(R"({"<url>": 7496, "exgag": 268, "humor": 1083, "humour": 688, "ironic": 19, "irony": 185, "joke": 341,
                                              "jokes": 390, "reposting": 264, "sarcasm": 428, "sarcastic": 242})"));
  std::string all;
  for (const auto& post : read_all(*source)) {
    all += post.id + "\t" + post.text + "\t" + std::to_string(post.label_id) + "\t";
    ASSERT_EQ(post.fields["attributes"].size(), 5U) << post.id;
    for (size_t i = 0; i < 5; ++i) all += post.fields["attributes"][i].get<std::string>() + (i < 4 ? " " : "\n");
  }
  EXPECT_EQ(sha256_hex(all), "a089e911437b2a519ce7bf85a52305fb1154c230d79ae50a21f1870596de24f0");
}

}  // namespace
}  // namespace infig
