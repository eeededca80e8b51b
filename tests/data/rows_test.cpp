#include "data/rows.h"

#include <fmt/format.h>

#include "scratch.h"

namespace infig {
namespace {

using test::Scratch;
using test::thrown;
using ::testing::HasSubstr;

std::vector<PostRow> rows_of(const std::filesystem::path& path) {
  std::vector<PostRow> rows;
  for_each_row(path, [&](PostRow&& row) { rows.push_back(std::move(row)); });
  return rows;
}

TEST(Rows, CsvWithQuotesLineEndsAndColumnsInAnyOrder) {
  const Scratch scratch;
  const auto path = scratch.file("posts.csv",
                                 "\xEF\xBB\xBFlabel,likes,text,id\r\n"
                                 "positive,3,\"so, \"\"good\"\"\r\nreally\",a\r\n"
                                 "\r\n"
                                 "negative,4,  two spaces  ,b\r\n"
                                 "neutral,,\"\",c");
  const auto rows = rows_of(path);
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[0].id, "a");
  EXPECT_EQ(rows[0].text, "so, \"good\"\r\nreally");
  EXPECT_EQ(rows[0].label, "positive");
  EXPECT_EQ(rows[0].at.line, 2);
  EXPECT_FALSE(rows[0].image.has_value());
  EXPECT_EQ(rows[1].text, "  two spaces  ");
  EXPECT_EQ(rows[1].at.line, 5);
  EXPECT_EQ(rows[2].text, "");
  EXPECT_EQ(rows[2].id, "c");
  EXPECT_EQ(rows[2].at.line, 6);
  EXPECT_EQ(table_columns(path), (std::set<std::string>{"id", "label", "text"}));
}

TEST(Rows, TsvKeepsCommasAndEmptyCells) {
  const Scratch scratch;
  const auto rows = rows_of(scratch.file("posts.TSV", "id\ttext\timage\nx\ta, b\t\n\tsay \"hi\"\ty.jpg\n"));
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].text, "a, b");
  EXPECT_EQ(rows[0].image, "");
  EXPECT_EQ(rows[1].id, "");
  EXPECT_EQ(rows[1].text, "say \"hi\"");
  EXPECT_EQ(rows[1].image, "y.jpg");
}

TEST(Rows, JsonLines) {
  const Scratch scratch;
  const auto rows = rows_of(scratch.file("posts.jsonl",
                                         "{\"id\": 7, \"text\": \"caf\\u00e9\\nbar\", \"extra\": [1], \"image\": null}\r\n\n"
                                         "{\"label\": 2, \"id\": \"b\", \"split\": \"dev\"}"));
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].id, "7");
  EXPECT_EQ(rows[0].text, "caf\xC3\xA9\nbar");
  EXPECT_FALSE(rows[0].image.has_value());
  EXPECT_EQ(rows[1].label, "2");
  EXPECT_EQ(rows[1].split, "dev");
  EXPECT_EQ(rows[1].at.line, 3);
}

TEST(Rows, FaultsNameFileRowAndField) {
  const Scratch scratch;
  const auto message = [&](const std::string& name, const std::string& bytes) {
    const auto path = scratch.file(name, bytes);
    const auto text = thrown<DataError>([&] { rows_of(path); });
    EXPECT_THAT(text, HasSubstr(path.string()));
    return text;
  };
  EXPECT_THAT(message("a.jsonl", "{\"id\": \"a\"}\n{\"id\": \"b\"\n"), HasSubstr("line 2: no valid JSON"));
  EXPECT_THAT(message("b.jsonl", "[1]\n"), HasSubstr("line 1: a JSON array, expected an object"));
  EXPECT_THAT(message("c.jsonl", "{\"id\": \"a\", \"text\": 5}\n"), HasSubstr("line 1: field \"text\" is number 5, expected text"));
  EXPECT_THAT(message("d.jsonl", "\n\n{\"id\": \"a\xFF\"}\n"), HasSubstr("line 3 (post 1): the line is not UTF-8 (byte 9: 0xFF)"));
  EXPECT_THAT(message("e.csv", "id,text\na,b\nc\n"), HasSubstr("line 3 (post 2): 1 cells, expected 2"));
  EXPECT_THAT(message("f.csv", "id,text\na,caf\xE9\n"), HasSubstr("line 2 (post 1): field \"text\" is not UTF-8 (byte 3: 0xE9)"));
  EXPECT_THAT(message("g.csv", "id,text\na,b\nc,\"open\nd,e\n"),
              HasSubstr("line 3 (post 2): a quoted cell that begins in this row is never closed"));
  EXPECT_THAT(message("h.csv", ""), HasSubstr("is empty; expected a header row"));
  EXPECT_THAT(
      message("i.csv", "a;b\n1;2\n"),
      HasSubstr("header: none of the columns id, text, image, label, split, with none of the separators , ; tab and |; found: a;b"));
  EXPECT_THAT(message("j.csv", "id,text,id\na,b,c\n"), HasSubstr("column \"id\" occurs twice"));
  EXPECT_THAT(message("k.csv", std::string("\xFF\xFEi\0d", 5)), HasSubstr("is UTF-16, expected UTF-8"));
  EXPECT_THAT(message("l.parquet", "x"), HasSubstr("l.parquet: cannot be read as Parquet"));
  EXPECT_THAT(message("m.docx", "x"), HasSubstr("unknown kind of table \".docx\""));
  EXPECT_THAT(thrown<DataError>([&] { rows_of(scratch / "none.csv"); }), HasSubstr("cannot be opened: No such file"));
  EXPECT_THAT(thrown<DataError>([&] {
                std::filesystem::create_directories(scratch / "folder.csv");
                rows_of(scratch / "folder.csv");
              }),
              HasSubstr("is a folder"));
}

TEST(Rows, AFaultSinkGetsTheFaultAndTheRestIsRead) {
  const Scratch scratch;
  const auto path = scratch.file("a.jsonl", "{\"id\": \"a\"}\nbroken\n{\"id\": \"c\"}\n");
  std::vector<std::string> ids;
  std::vector<std::string> faults;
  for_each_row(path, [&](PostRow&& row) { ids.push_back(*row.id); }, [&](const std::string& message) { faults.push_back(message); });
  EXPECT_EQ(ids, (std::vector<std::string>{"a", "c"}));
  ASSERT_EQ(faults.size(), 1U);
  EXPECT_THAT(faults[0], HasSubstr("a.jsonl, line 2"));
}

TEST(Rows, SeparatorsAreFoundByLooking) {
  const Scratch scratch;
  const auto first = [&](const std::string& name, const std::string& bytes) {
    const auto rows = rows_of(scratch.file(name, bytes));
    return rows.size() == 1 ? rows[0].id.value_or("-") + "/" + rows[0].text.value_or("-") : std::string("not one row");
  };
  for (const char* name : {"t.csv", "t.tsv", "t.tab", "t.txt"}) {
    for (const char* separator : {",", ";", "\t", "|"})
      EXPECT_EQ(first(name, fmt::format("id{0}\"text\"{0}more\n7{0}\"x , ; \t | y\"{0}z\n", separator)), "7/x , ; \t | y")
          << name << separator;
  }
  EXPECT_EQ(first("own.csv", "text;id,text\na;b,c\n"), "-/c");  // a tie goes to the extension's own
  EXPECT_EQ(first("own.tsv", "text,id\ttext\na,b\tc\n"), "-/c");
  EXPECT_EQ(first("one.csv", "text\na;b\n"), "-/a;b");
  EXPECT_EQ(first("mark.txt", "\xEF\xBB\xBFid;text\r\n7;x\r\n"), "7/x");
}

TEST(Rows, AJsonArrayIsReadObjectByObject) {
  const Scratch scratch;
  const auto path = scratch.file("a.json", R"( [ {"id": 1, "text": "],}\" [", "more": [[1], {"x": "\\"}]},
 {"id": "b", "label": 2.0}, 7, {"id": x}, {"id": "c"} ] )");
  std::vector<std::string> ids, faults;
  std::vector<int64_t> lines;
  const auto read = [&](const std::filesystem::path& file) {
    for_each_row(
        file,
        [&](PostRow&& row) {
          ids.push_back(*row.id + row.text.value_or("") + row.label.value_or(""));
          lines.push_back(row.at.number);
        },
        [&](const std::string& message) { faults.push_back(message); });
  };
  read(path);
  EXPECT_EQ(ids, (std::vector<std::string>{"1],}\" [", "b2.0", "c"}));
  EXPECT_EQ(lines, (std::vector<int64_t>{1, 2, 5}));
  EXPECT_THAT(faults, ::testing::ElementsAre(HasSubstr("a.json, row 3: a JSON number, expected an object"),
                                             HasSubstr("a.json, row 4: no valid JSON")));
  ids = {};
  read(scratch.file("empty.json", "\xEF\xBB\xBF[ ]\n"));
  EXPECT_TRUE(ids.empty());
  read(scratch.file("lines.json", "{\"id\": \"a\"}\n{\"id\": \"b\"}\n"));
  EXPECT_EQ(ids, (std::vector<std::string>{"a", "b"}));
  const auto message = [&](const std::string& bytes) { return thrown<DataError>([&] { read(scratch.file("t.json", bytes)); }); };
  EXPECT_THAT(message(R"([{"id": "a"}, {"id": "b")"), HasSubstr("t.json, row 2: ends inside of this row"));
  EXPECT_THAT(message(R"([{"id": "a"}, {"id": "b)"), HasSubstr("t.json, row 2: a string in this row is never closed"));
  EXPECT_THAT(message(R"([{"id": "a"}] x)"), HasSubstr("goes on behind its JSON array"));
}

TEST(Rows, CsvCells) {
  EXPECT_EQ(csv_cell("plain"), "plain");
  EXPECT_EQ(csv_cell("a,b"), "\"a,b\"");
  EXPECT_EQ(csv_cell("say \"hi\""), "\"say \"\"hi\"\"\"");
  EXPECT_EQ(csv_cell("two\nlines"), "\"two\nlines\"");
}

}  // namespace
}  // namespace infig
