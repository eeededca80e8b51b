#include "data/mvsa.h"
#include "scratch.h"

namespace infig {
namespace {

using test::thrown;
using ::testing::HasSubstr;

TEST(MvsaMultiple, LabelFile) {
  const auto rows = parse_mvsa_multiple_labels(
      "\xEF\xBB\xBFID\ttext,image\ttext,image\ttext,image\r\n2499\tpositive,neutral\tneutral , positive\tnegative,negative\r\n\r\n"
      "2500\tneutral,neutral\tneutral,neutral\tneutral,neutral",
      "L");
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].id, "2499");
  EXPECT_EQ(rows[0].line, 2);
  EXPECT_THAT(rows[0].text_labels, ::testing::ElementsAre("positive", "neutral", "negative"));
  EXPECT_THAT(rows[0].image_labels, ::testing::ElementsAre("neutral", "positive", "negative"));
  EXPECT_EQ(rows[1].line, 4);
}

TEST(MvsaMultiple, LabelFileFaults) {
  const auto message = [](const char* bytes) { return thrown<DataError>([&] { parse_mvsa_multiple_labels(bytes, "L"); }); };
  const std::string good = "neutral,neutral\tneutral,neutral\tneutral,neutral";
  EXPECT_THAT(message("1\tneutral,neutral\n"), HasSubstr("L, line 1: holds 2 cells"));
  EXPECT_THAT(message("1\tneutral,neutral\n"), HasSubstr("MVSA-Single's"));
  EXPECT_THAT(message(("1\t" + good + "\t" + good).c_str()), HasSubstr("holds 7 cells"));
  EXPECT_THAT(message("1\tneutral,neutral\tneutral\tneutral,neutral"), HasSubstr("annotator 2's cell is \"neutral\""));
  EXPECT_THAT(message("1\tneutral,neutral\tneutral,neutral\tneutral,glad"), HasSubstr("the image label is \"glad\""));
  EXPECT_THAT(message("1\tneutral,neutral\tglad,neutral\tneutral,neutral"), HasSubstr("the text label is \"glad\""));
  EXPECT_THAT(message(("1\t" + good + "\n1\t" + good).c_str()), HasSubstr("line 2: id 1 is already in line 1"));
  EXPECT_THAT(message(("../1\t" + good).c_str()), HasSubstr("line 1: the id"));
  EXPECT_THAT(message("ID\ttext,image\ttext,image\ttext,image\n"), HasSubstr("holds no row"));
  EXPECT_THAT(message(""), HasSubstr("holds no row"));
}

// docs/published-data.md: two of three decide; three different ones decide nothing (and are not neutral).
TEST(MvsaMultiple, Majority) {
  EXPECT_EQ(majority_label({"positive", "positive", "negative"}), "positive");
  EXPECT_EQ(majority_label({"positive", "negative", "positive"}), "positive");
  EXPECT_EQ(majority_label({"negative", "positive", "positive"}), "positive");
  EXPECT_EQ(majority_label({"neutral", "neutral", "neutral"}), "neutral");
  EXPECT_EQ(majority_label({"positive", "neutral", "negative"}), std::nullopt);
}

TEST(PublicSplit, OneRowAtATimeAndNestedValuesAreReadOver) {
  const test::Scratch scratch;
  const auto file = scratch.file("a.json", R"([{"more": {"id": "no", "deep": [[{"text": 1}]]}, "emotion_label": 1, "text": "t", "id": 7},
    {"id": "8", "text": "", "emotion_label": 0, "list": [1, 2]}])");
  std::string seen;
  for_each_public_row(file, 2, [&](PublicRow&& row) { seen += row.id + "/" + row.text + "/" + std::to_string(row.label_id) + " "; });
  EXPECT_EQ(seen, "7/t/1 8//0 ");
  const auto message = [&](const char* bytes) {
    const auto broken = scratch.file("b.json", bytes);
    return thrown<DataError>([&] { for_each_public_row(broken, 2, [](PublicRow&&) {}); });
  };
  EXPECT_THAT(message("[1]"), HasSubstr("b.json, element 1: no field \"id\""));
  EXPECT_THAT(message("[[]]"), HasSubstr("element 1: no field \"id\""));
  EXPECT_THAT(message("7"), HasSubstr("expected a JSON array"));
  EXPECT_THAT(message("[]"), HasSubstr("expected a JSON array of posts"));
  EXPECT_THAT(message(R"({"id": 1})"), HasSubstr("expected a JSON array"));
  EXPECT_THAT(message(R"([{"id": "1", "text": "x", "emotion_label": -1}])"), HasSubstr("\"emotion_label\" is -1"));
  EXPECT_THAT(message(R"([{"id": "1", "text": "x", "emotion_label": 18446744073709551615}])"), HasSubstr("is 18446744073709551615"));
  EXPECT_THAT(message(R"([{"id": {}, "text": "x", "emotion_label": 0}])"), HasSubstr("field \"id\" is {}"));
  EXPECT_THAT(message(R"([{"id": "1", "text": "x", "emotion_label": 0}, {"id": "2"}])"), HasSubstr("element 2: no field \"text\""));
  EXPECT_THAT(message(std::string(100000, '[').c_str()), HasSubstr("element 1: no field \"id\""));
  EXPECT_THAT(message("[{\"id\": \"1\", \"text\": \"\xFF\", \"emotion_label\": 0}]"), HasSubstr("no valid JSON"));
}

// MVSA-Multiple's train-copy.json holds posts of dev and test.
TEST(PublicSplit, TrainCopyIsNeverRead) {
  const test::Scratch scratch;
  scratch.file("train-copy.json", R"([{"id": "1", "text": "x", "emotion_label": 0}])");
  EXPECT_THAT(thrown<DataError>([&] { read_public_splits(scratch.path(), 3); }), HasSubstr("train-copy.json is not read"));
  scratch.file("train.json", R"([{"id": "2", "text": "x", "emotion_label": 0}])");
  const auto splits = read_public_splits(scratch.path(), 3);
  ASSERT_EQ(splits.size(), 1U);
  ASSERT_EQ(splits[0].rows.size(), 1U);
  EXPECT_EQ(splits[0].rows[0].id, "2");
}

}  // namespace
}  // namespace infig
