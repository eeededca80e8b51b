// Which columns are which fields, in every kind of table, and what is said of the others.
#include <fmt/format.h>

#include "data/data_set.h"
#include "data/rows.h"
#include "data/table_columns.h"
#include "scratch.h"

namespace infig {
namespace {

using test::Scratch;
using test::thrown;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

using Columns = std::map<std::string, size_t>;

TEST(Columns, NamesInAnyCaseAndUnderOtherNames) {
  EXPECT_EQ(choose_columns({"ID", " Tweet ", "IMG", "Sentiment", "Split"}, {}, false).places,
            (Columns{{"id", 0}, {"text", 1}, {"image", 2}, {"label", 3}, {"split", 4}}));
  EXPECT_EQ(choose_columns({"guid", "caption", "file_name", "class"}, {}, false).places,
            (Columns{{"id", 0}, {"text", 1}, {"image", 2}, {"label", 3}}));
  EXPECT_EQ(choose_columns({"image_path", "labels"}, {}, false).places, (Columns{{"image", 0}, {"label", 1}}));
}

TEST(Columns, AFieldsOwnNameGoesBeforeOthers) {
  EXPECT_EQ(choose_columns({"tweet", "text", "Text"}, {}, false).places, (Columns{{"text", 1}}));
  EXPECT_EQ(choose_columns({"tweet", "TEXT"}, {}, false).places, (Columns{{"text", 1}}));
}

TEST(Columns, WhatCannotBeToldApartIsAFaultWithWhatToDo) {
  EXPECT_THAT(choose_columns({"tweet", "caption"}, {}, false).fault,
              HasSubstr("\"tweet\" and \"caption\" could both be the field text; --columns text=tweet"));
  EXPECT_THAT(choose_columns({"text", "text"}, {}, false).fault, HasSubstr("column \"text\" occurs twice"));
  EXPECT_EQ(choose_columns({"tweet", "caption"}, {{"text", "caption"}}, false).places, (Columns{{"text", 1}}));
}

TEST(Columns, WhatIsAskedForGoesBeforeEverything) {
  EXPECT_EQ(choose_columns({"text", "body", "label"}, {{"text", "body"}}, false).places, (Columns{{"text", 1}, {"label", 2}}));
  EXPECT_EQ(choose_columns({"Body"}, {{"text", "body"}}, false).places, (Columns{{"text", 0}}));
  // A column that is asked for as one field is no other.
  EXPECT_EQ(choose_columns({"caption", "label"}, {{"label", "caption"}}, false).places, (Columns{{"label", 0}}));
  EXPECT_THAT(choose_columns({"text"}, {{"text", "body"}}, false).fault, HasSubstr("there is no column \"body\"; found: text"));
}

TEST(Columns, EveryKindOfTableKnowsThem) {
  const Scratch scratch;
  const std::vector<std::filesystem::path> tables = {
      scratch.file("a.csv", "GUID,Tweet,img,class\n7,hello,p.png,good\n"),
      scratch.file("b.tsv", "ID\tCaption\tImage_Path\tSentiment\n7\thello\tp.png\tgood\n"),
      scratch.file("c.jsonl", "{\"guid\": 7, \"tweet\": \"hello\", \"img\": \"p.png\", \"labels\": \"good\"}\n"),
      scratch.file("d.json", "[{\"Id\": \"7\", \"TEXT\": \"hello\", \"file_name\": \"p.png\", \"Label\": \"good\"}]")};
  for (const auto& table : tables) {
    const std::vector<Post> posts = read_posts(table);
    ASSERT_EQ(posts.size(), 1U) << table;
    EXPECT_EQ(posts[0].id, "7") << table;
    EXPECT_EQ(posts[0].text, "hello") << table;
    EXPECT_EQ(posts[0].image, FileSpan(scratch / "p.png")) << table;
    EXPECT_EQ(posts[0].label, "good") << table;
  }
}

TEST(Columns, OnesThatAreNotUsedAreSaidWithWhatTheyLookLike) {
  const Scratch scratch;
  scratch.file("pics/0.png", "x");
  scratch.file("pics/1.png", "x");
  const auto look = [&](const std::filesystem::path& table) {
    TableNotes notes;
    for_each_row(table, [](PostRow&&) {}, nullptr, {.notes = &notes});
    return notes.lines();
  };
  const std::string expected =
      "photo: names 2 files that exist; lang: 2 different values (de, en); n: numbers; url: web addresses; note: texts; gone: empty";
  std::string csv = "text,label,photo,lang,n,url,note,gone\n", jsonl;
  for (int i = 0; i < 9; ++i) {
    csv += fmt::format("t{0},x,pics/{0}.png,{1},{2}.5,http://x/{0},some words {0},\n", i, i % 2 == 0 ? "de" : "en", i);
    jsonl += fmt::format(
        "{{\"text\": \"t{0}\", \"label\": \"x\", \"photo\": \"pics/{0}.png\", \"lang\": \"{1}\", \"n\": {0}, \"url\": \"http://x/{0}\", "
        "\"note\": \"some words {0}\", \"gone\": null}}\n",
        i, i % 2 == 0 ? "de" : "en");
  }
  EXPECT_THAT(look(scratch.file("a.csv", csv)), ElementsAre(AllOf(HasSubstr("a.csv: columns that are not used"), HasSubstr(expected))));
  // An object's keys come in alphabetical order.
  EXPECT_THAT(
      look(scratch.file("b.jsonl", jsonl)),
      ElementsAre(HasSubstr(
          "gone: empty; lang: 2 different values (de, en); n: numbers; note: texts; photo: names 2 files that exist; url: web addresses")));
  EXPECT_THAT(look(scratch.file("c.csv", "TWEET,class\na,x\n")),
              ElementsAre(HasSubstr("label is the column \"class\", text is the column \"TWEET\"")));
  EXPECT_THAT(look(scratch.file("d.csv", "text,label\na,x\n")), IsEmpty());
}

TEST(Columns, ListsUnderOtherNamesAreNotTaken) {
  const Scratch scratch;
  const std::vector<Post> posts = read_posts(scratch.file("a.jsonl", "{\"text\": \"a\", \"labels\": [\"x\", \"y\"]}\n"));
  EXPECT_EQ(posts.at(0).label, "");
  EXPECT_THAT(thrown<DataError>([&] { read_posts(scratch.file("b.jsonl", "{\"text\": \"a\", \"label\": [\"x\"]}\n")); }),
              HasSubstr("line 1: field \"label\" is array"));
}

TEST(Columns, KeysThatAreAskedForAndNeverThereAreAnError) {
  const Scratch scratch;
  const auto path = scratch.file("a.jsonl", "{\"text\": \"a\"}\n{\"text\": \"b\", \"mood\": \"good\"}\n");
  EXPECT_EQ(read_posts(path, {.columns = {{"label", "mood"}}})[1].label, "good");
  EXPECT_THAT(thrown<DataError>([&] { read_posts(path, {.columns = {{"label", "feeling"}}}); }),
              HasSubstr("no object has the key \"feeling\""));
}

TEST(Columns, FlagsAreChecked) {
  EXPECT_EQ(parse_columns({"text=tweet", "image=img"}), (std::map<std::string, std::string>{{"image", "img"}, {"text", "tweet"}}));
  EXPECT_EQ(parse_members({"image=.Input.JPG"}), (std::map<std::string, std::string>{{"image", "input.jpg"}}));
  EXPECT_THAT(thrown<ConfigError>([] { parse_columns({"tweet"}); }), HasSubstr("FIELD=NAME"));
  EXPECT_THAT(thrown<ConfigError>([] { parse_columns({"words=tweet"}); }), HasSubstr("id, text, image, label, split"));
  EXPECT_THAT(thrown<ConfigError>([] { parse_columns({"text=a", "text=b"}); }), HasSubstr("twice"));
}

TEST(Columns, SplitsAreWordsOfTheirOwn) {
  EXPECT_EQ(split_in_name("x/mine-val-000000.tar"), "dev");
  EXPECT_EQ(split_in_name("train-00000-of-00001.parquet"), "train");
  EXPECT_EQ(split_in_name("Test.parquet"), "test");
  EXPECT_EQ(split_in_name("train0007.tar"), "train");
  EXPECT_EQ(split_in_name("validation_2.tar"), "dev");
  EXPECT_EQ(split_in_name("latest-trainval-contest.tar"), "");
  EXPECT_EQ(split_in_name("train-and-test.tar"), "train or test");
}

}  // namespace
}  // namespace infig
