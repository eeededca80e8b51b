#include "prepare/mvsa_multiple_source.h"

#include <nlohmann/json.hpp>

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

std::string row(const std::string& id, const std::string& cell) { return id + "\t" + cell + "\t" + cell + "\t" + cell + "\n"; }

// Kept: 1 and 2. Dropped: 3 (three texts), 4 (three pictures), 5 (conflict), 3151 (excluded), 6 (both three).
void write_multiple_raw(const Scratch& scratch, const std::string& folder) {
  scratch.file(
      folder + "labelResultAll.txt",
      "ID\ttext,image\ttext,image\ttext,image\n1\tpositive,neutral\tneutral,neutral\tpositive,negative\n" + row("2", "negative,negative") +
          "3\tpositive,neutral\tneutral,neutral\tnegative,neutral\n4\tpositive,neutral\tpositive,positive\tpositive,negative\n" +
          row("5", "positive,negative") + row("3151", "neutral,neutral") + "6\tpositive,positive\tneutral,neutral\tnegative,negative\n");
  scratch.file(folder + "data/1.txt", "one \xA1\xAD\n");
  scratch.file(folder + "data/1.jpg", "picture");
}

TEST(MvsaMultipleSource, RulesOfTheDownload) {
  const Scratch scratch;
  write_multiple_raw(scratch, "raw/MVSA/");
  const auto source = open_mvsa_multiple({.raw = scratch / "raw"});
  EXPECT_THAT(counts_of(*source), ElementsAre(Pair(HasSubstr("rows in labelResultAll.txt"), 7), Pair(HasSubstr("two of three"), 4),
                                              Pair(HasSubstr("label rule"), 3), Pair(HasSubstr("without the excluded ids"), 2)));
  EXPECT_THAT(dropped_of(*source), ElementsAre("3: three different labels of the text", "4: three different labels of the image",
                                               "5: text label positive, image label negative", "3151: excluded: its picture cannot be read",
                                               "6: three different labels of the text and of the image"));
  const auto posts = read_all(*source);
  ASSERT_EQ(posts.size(), 2U);
  EXPECT_EQ(posts[0].text, "one");
  EXPECT_EQ(posts[0].label_id, 0);
  EXPECT_EQ(posts[0].picture.file, scratch / "raw/MVSA/data/1.jpg");
  EXPECT_EQ(posts[1].text, "");
  EXPECT_EQ(posts[1].label_id, 2);
  EXPECT_EQ(source->facts().rules["split"]["kind"], "drawn");
  source->write_files(scratch.path());
  EXPECT_EQ(test::slurp(scratch / "split.csv"), "id,split\n1,train\n2,train\n");
}

TEST(MvsaMultipleSource, SplitFilesDecideAndDifferencesAreNoted) {
  const Scratch scratch;
  write_multiple_raw(scratch, "raw/");
  scratch.file("splits/train.json",
               R"([{"id": "3", "text": "three", "emotion_label": 1}, {"id": "1", "text": "other", "emotion_label": 2}])");
  const auto source = open_mvsa_multiple({.raw = scratch / "raw", .splits = scratch / "splits"});
  const auto posts = read_all(*source);
  ASSERT_EQ(posts.size(), 2U);
  EXPECT_THAT(posts[0].notes[0].kind, HasSubstr("no label by the label rule"));
  EXPECT_THAT(posts[0].notes[1].kind, HasSubstr("raw text absent"));
  EXPECT_EQ(posts[0].text, "three");
  EXPECT_EQ(posts[1].notes[0].detail, "negative in train.json, positive by rule");
  EXPECT_THAT(posts[1].notes[1].kind, HasSubstr("text differs"));
  EXPECT_EQ(posts[1].text, "one");
  EXPECT_EQ(posts[1].label_id, 2);
  EXPECT_THAT(dropped_of(*source),
              ElementsAre(HasSubstr("4: "), HasSubstr("5: "), HasSubstr("3151: "), HasSubstr("6: "), "2: in none of the split files"));
}

TEST(MvsaMultipleSource, SplitFilesAlone) {
  const Scratch scratch;
  scratch.file("splits/train.json", R"([{"id": "3", "text": "three", "emotion_label": 1}])");
  scratch.file("pictures/3.jpg", "picture");
  const auto source = open_mvsa_multiple({.splits = scratch / "splits", .images = scratch / "pictures"});
  const auto posts = read_all(*source);
  ASSERT_EQ(posts.size(), 1U);
  EXPECT_EQ(posts[0].text, "three");
  EXPECT_TRUE(posts[0].notes.empty());
  EXPECT_EQ(posts[0].picture.file, scratch / "pictures/3.jpg");
  EXPECT_EQ(source->facts().inputs[0].name, "splits/train.json");
  // What marks the older train-copy.json under whatever name.
  scratch.file("splits/train.json", R"([{"id": "3910", "text": "three", "emotion_label": 1}])");
  EXPECT_THAT(thrown<DataError>([&] { open_mvsa_multiple({.splits = scratch / "splits"}); }), HasSubstr("the excluded id 3910"));
}

TEST(MvsaMultipleSource, AFullDownloadMustLeave17024) {
  const Scratch scratch;
  std::string rows;
  for (int64_t i = 0; i < 19600; ++i) rows += row(std::to_string(100000 + i), i < 17024 ? "neutral,positive" : "negative,positive");
  std::filesystem::create_directories(scratch / "raw/data");
  scratch.file("raw/labelResultAll.txt", rows);
  EXPECT_EQ(open_mvsa_multiple({.raw = scratch / "raw"})->size(), 17024);
  scratch.file("raw/labelResultAll.txt", rows + row("1", "neutral,neutral"));
  EXPECT_THAT(thrown<DataError>([&] { open_mvsa_multiple({.raw = scratch / "raw"}); }),
              HasSubstr("the rules leave 17025 posts of 19601 rows, expected 17024"));
}

TEST(MvsaMultipleSource, Faults) {
  const Scratch scratch;
  EXPECT_THAT(thrown<ConfigError>([] { open_mvsa_multiple({}); }), HasSubstr("give --raw"));
  EXPECT_THAT(thrown<DataError>([&] { open_mvsa_multiple({.raw = scratch / "none"}); }), HasSubstr("no such folder"));
  EXPECT_THAT(thrown<DataError>([&] { open_mvsa_multiple({.raw = scratch.path()}); }), HasSubstr("holds no folder data/"));
  write_multiple_raw(scratch, "raw/");
  const auto strict = open_mvsa_multiple({.raw = scratch / "raw", .text_decode = TextDecode::kUtf8});
  EXPECT_THAT(thrown<DataError>([&] { strict->read(0); }), HasSubstr("1.txt: byte 4 (0xA1) is not UTF-8"));
  std::filesystem::remove(scratch / "raw/labelResultAll.txt");
  EXPECT_THAT(thrown<DataError>([&] { open_mvsa_multiple({.raw = scratch / "raw"}); }), HasSubstr("labelResultAll.txt: is absent"));
}

TEST(MvsaMultipleSource, RealPublicSplit) {
  const auto splits = test::real_data("mvsa-multiple-text");
  if (splits.empty()) GTEST_SKIP() << "no mvsa-multiple-text/ in $INFIG_DATA or beside the checkout";
  const auto source = open_mvsa_multiple({.splits = splits});
  EXPECT_EQ(source->size(), 17024);
  EXPECT_EQ(test::totals_of(*source), "train 9056/3528/1040 dev 1131/440/129 test 1131/440/129");
  const auto train = nlohmann::json::parse(test::slurp(splits / "train.json"));
  for (size_t i = 0; i < train.size(); ++i) {
    const RawPost post = source->read(static_cast<int64_t>(i));
    ASSERT_EQ(post.id, train[i]["id"].get<std::string>());
    ASSERT_EQ(post.text, train[i]["text"].get<std::string>());
    for (const char* excluded : {"3151", "3910", "5995", "15324"}) ASSERT_NE(post.id, excluded);
  }
}

}  // namespace
}  // namespace infig
