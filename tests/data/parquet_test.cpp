// Parquet as `datasets` and pyarrow write it (tests/golden/data, made by tools/golden/make_parquet.py), and broken files.
#include <nlohmann/json.hpp>

#include "core/files.h"
#include "data/data_set.h"
#include "data/parquet/parquet_file.h"
#include "data/rows.h"
#include "scratch.h"

namespace infig {
namespace {

using test::Scratch;
using test::slurp;
using test::thrown;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::filesystem::path kGolden = std::filesystem::path(INFIG_SOURCE_DIR) / "tests/golden/data";
const std::filesystem::path kHub = kGolden / "hub-test-00000-of-00001.parquet";

std::vector<std::string> golden_pictures() {
  return nlohmann::json::parse(slurp(kGolden / "parquet.json")).at("pictures").get<std::vector<std::string>>();
}

struct ParquetRead {
  std::vector<PostRow> rows;
  std::vector<std::string> faults, notes;
};
ParquetRead parquet_rows_of(const std::filesystem::path& path, const std::map<std::string, std::string>& columns = {}) {
  ParquetRead read;
  TableNotes notes;
  for_each_row(
      path, [&](PostRow&& row) { read.rows.push_back(std::move(row)); }, [&](const std::string& fault) { read.faults.push_back(fault); },
      {.columns = columns, .notes = &notes});
  read.notes = notes.lines();
  return read;
}

class Parquet : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!parquet_is_built_in()) GTEST_SKIP() << "this build has no Arrow";
  }
};

TEST_F(Parquet, AsDatasetsWritesIt) {
  const auto [rows, faults, notes] = parquet_rows_of(kHub);
  EXPECT_THAT(faults, ElementsAre());
  ASSERT_EQ(rows.size(), 5U);
  const auto pictures = golden_pictures();
  const std::vector<std::optional<std::string>> texts = {"good & fine", "zwei\nlines", std::nullopt, "caf\xC3\xA9 \xF0\x9F\x98\x80", ""};
  const std::vector<std::optional<std::string>> labels = {"positive", "negative", "neutral", "negative", std::nullopt};
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(rows[i].at.number, static_cast<int64_t>(i) + 1);
    EXPECT_EQ(rows[i].id, std::to_string(10 + i));
    EXPECT_EQ(rows[i].text, texts[i]) << i;
    EXPECT_EQ(rows[i].label, labels[i]) << i;
    EXPECT_EQ(rows[i].split, "test");  // of the file's name
    ASSERT_EQ(rows[i].picture.has_value(), i != 3) << i;
    if (i != 3) {
      EXPECT_EQ(sha256_hex(*rows[i].picture), pictures[i]) << i;
    }
  }
  EXPECT_EQ(rows[0].image, "zero.png");
  EXPECT_FALSE(rows[1].image.has_value());
  EXPECT_THAT(notes, ElementsAre(HasSubstr("id is the column \"guid\", text is the column \"Tweet\""),
                                 AllOf(HasSubstr("lang: 3 different values (de, en, fr)"), HasSubstr("score: numbers"))));
  EXPECT_EQ(table_columns(kHub), (std::set<std::string>{"id", "image", "label", "split", "text"}));
  EXPECT_EQ(stated_labels(kHub), (std::vector<std::string>{"positive", "negative", "neutral"}));
}

TEST_F(Parquet, AsADataSetLabelsKeepTheSchemasOrder) {
  const DataSet data = read_data_set(kHub);
  EXPECT_EQ(data.labels, (std::vector<std::string>{"positive", "negative", "neutral"}));
  ASSERT_EQ(data.posts.size(), 5U);
  EXPECT_EQ(data.posts[2].label_id, 2);
  EXPECT_EQ(data.posts[4].label_id, -1);
  EXPECT_EQ(data.sha256, sha256_file(kHub));
  const auto pictures = golden_pictures();
  for (const size_t i : {0, 1, 2, 4}) EXPECT_EQ(sha256_span(data.posts[i].image), pictures[i]) << i;
  EXPECT_TRUE(data.posts[3].image.empty());
}

TEST_F(Parquet, OtherTypesCodecsAndLists) {
  const auto [rows, faults, notes] = parquet_rows_of(kGolden / "plain.parquet");
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[0].text, "one");
  EXPECT_EQ(rows[2].text, "three");
  EXPECT_EQ(rows[0].label, "1.0");
  EXPECT_FALSE(rows[2].label.has_value());
  EXPECT_EQ(rows[1].split, "test");
  EXPECT_EQ(sha256_hex(*rows[0].picture), golden_pictures()[1]);
  EXPECT_FALSE(rows[1].picture.has_value());
  EXPECT_THAT(notes, Contains(AllOf(HasSubstr("column labels.list.element is not used"), HasSubstr("a list of"))));
  EXPECT_THAT(notes, Contains(AllOf(HasSubstr("column when is not used"), HasSubstr("Timestamp"))));
  const auto asked = parquet_rows_of(kGolden / "plain.parquet", {{"label", "good"}, {"id", "small"}});
  EXPECT_EQ(asked.rows.at(0).label, "true");
  EXPECT_EQ(asked.rows.at(2).label, "false");
  EXPECT_EQ(asked.rows.at(2).id, "255");
}

TEST_F(Parquet, ColumnsOfAnotherTypeAreRefused) {
  const auto message = [&](const std::string& field, const std::string& column) {
    return thrown<DataError>([&] { parquet_rows_of(kGolden / "plain.parquet", {{field, column}}); });
  };
  EXPECT_THAT(message("label", "labels"), AllOf(HasSubstr("plain.parquet: column \"labels\" is"), HasSubstr("a list of"),
                                                HasSubstr("expected one text or whole number a row")));
  EXPECT_THAT(message("text", "when"), HasSubstr("expected one text a row"));
  EXPECT_THAT(message("image", "small"), HasSubstr("expected a picture"));
  EXPECT_THAT(message("text", "tweet"), HasSubstr("there is no column \"tweet\""));
}

TEST_F(Parquet, PicturesWithoutBytesAreCountedWithWhatToDo) {
  const auto [rows, faults, notes] = parquet_rows_of(kGolden / "paths.parquet");
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].image, "pictures/a.png");
  EXPECT_FALSE(rows[0].picture.has_value());
  EXPECT_THAT(notes, ElementsAre(AllOf(HasSubstr("embed_table_storage"), HasSubstr("--images"), HasSubstr(": 2"))));
}

TEST_F(Parquet, BrokenFilesAreNamed) {
  const Scratch scratch;
  const std::string whole = slurp(kHub);
  const auto message = [&](const std::string& bytes) {
    const auto path = scratch.file("x.parquet", bytes);
    const auto text = thrown<DataError>([&] { parquet_rows_of(path); });
    EXPECT_THAT(text, HasSubstr(path.string()));
    return text;
  };
  EXPECT_THAT(message(whole.substr(0, whole.size() / 2)), HasSubstr("cut off"));
  EXPECT_THAT(message(whole.substr(0, whole.size() - 4)), HasSubstr("cut off"));
  EXPECT_THAT(message(""), HasSubstr("cut off"));
  EXPECT_THAT(message("PAR1"), HasSubstr("cut off"));
  std::string wrong = whole;
  wrong.replace(wrong.size() - 8, 4, std::string("\xFF\xFF\xFF\x7F", 4));  // the footer's length
  EXPECT_THAT(message(wrong), HasSubstr("cannot be read as Parquet"));
  std::string hole = whole;
  std::fill(hole.begin() + 4, hole.begin() + 600, '\0');  // the first pages
  EXPECT_THAT(message(hole), HasSubstr("row group 0"));
  EXPECT_THAT(thrown<DataError>([&] { parquet_rows_of(scratch / "none.parquet"); }), HasSubstr("none.parquet: cannot be read"));
}

// The footer says 1,000,000,000 rows: as a number of its own, and, with a thrift integer changed by hand, of a row group.
TEST_F(Parquet, RowsThatAreOnlyPromised) {
  const Scratch scratch;
  ParquetWriter writer(scratch / "x.parquet", {{"text"}});
  for (int i = 0; i < 63; ++i) writer.add({"t" + std::to_string(i)}, {});
  writer.commit();
  const std::string whole = slurp(scratch / "x.parquet");
  // num_rows is field 3 of FileMetaData and of RowGroup, an i64 as zigzag varint: 63 is the byte 126. 10^9 is 80 A8 D6 B9 07.
  const std::string ten_to_nine = "\x80\xA8\xD6\xB9\x07";
  const size_t footer =
      whole.size() - 8 - static_cast<unsigned char>(whole[whole.size() - 8]) - 256U * static_cast<unsigned char>(whole[whole.size() - 7]);
  int refused = 0;
  for (size_t at = footer; at < whole.size() - 8; ++at) {
    if (whole[at] != 126) continue;
    std::string changed = whole;
    changed.replace(at, 1, ten_to_nine);
    const auto length = static_cast<uint32_t>(changed.size() - 8 - footer);
    for (int i = 0; i < 4; ++i) changed[changed.size() - 8 + static_cast<size_t>(i)] = static_cast<char>(length >> (8 * i));
    const auto path = scratch.file("y.parquet", changed);
    int64_t rows = 0;
    try {
      for_each_row(path, [&](PostRow&&) { ++rows; });
    } catch (const DataError& error) {
      EXPECT_THAT(error.what(), HasSubstr(path.string()));
      refused += std::string(error.what()).find("promises") != std::string::npos ? 1 : 0;
    }
    EXPECT_LE(rows, 63);
  }
  EXPECT_GE(refused, 2);
}

TEST_F(Parquet, WhatIsWrittenIsReadBack) {
  const Scratch scratch;
  const auto path = scratch / "w.parquet";
  ParquetWriter writer(path, {{"id"}, {"p_a", true}, {"note"}});
  for (int i = 0; i < 70000; ++i)
    writer.add({"id " + std::to_string(i), i % 3 == 0 ? "" : "caf\xC3\xA9"}, {i % 7 == 0 ? std::nullopt : std::optional(i / 8.0)});
  EXPECT_FALSE(std::filesystem::exists(path));
  writer.commit();
  ParquetFile file(path);
  EXPECT_EQ(file.rows(), 70000);
  EXPECT_EQ(file.names(), (std::vector<std::string>{"id", "p_a", "note"}));
  file.select({0, 1, 2});
  std::vector<std::optional<std::string>> values;
  for (int i = 0; i < 70000; ++i) {
    ASSERT_TRUE(file.next(values));
    ASSERT_EQ(values[0], "id " + std::to_string(i));
    ASSERT_EQ(values[1].has_value(), i % 7 != 0);
    if (values[1]) {
      ASSERT_EQ(std::stod(*values[1]), i / 8.0);
    }
    ASSERT_EQ(values[2], i % 3 == 0 ? "" : "caf\xC3\xA9");
  }
  EXPECT_FALSE(file.next(values));
}

TEST_F(Parquet, AWriterWithoutCommitLeavesNothing) {
  const Scratch scratch;
  {
    ParquetWriter(scratch / "w.parquet", {{"id"}}).add({"a"}, {});
  }
  EXPECT_TRUE(std::filesystem::is_empty(scratch.path()));
}

}  // namespace
}  // namespace infig
