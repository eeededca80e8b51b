// The table "Tables" of docs/data.md, case by case: what becomes of odd bytes in CSV, TSV and JSONL.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "data/data_set.h"
#include "data/rows.h"
#include "scratch.h"

namespace infig {
namespace {

using test::Scratch;

struct Outcome {
  std::vector<PostRow> rows;
  std::vector<std::string> faults;
  std::string error;
};

Outcome read(const std::string& name, const std::string& bytes) {
  const Scratch scratch;
  const auto path = scratch.file(name, bytes);
  Outcome outcome;
  try {
    for_each_row(
        path, [&](PostRow&& row) { outcome.rows.push_back(std::move(row)); },
        [&](const std::string& message) { outcome.faults.push_back(message); });
  } catch (const DataError& error) {
    outcome.error = error.what();
  }
  EXPECT_TRUE(outcome.error.empty() || outcome.error.find(name) != std::string::npos) << outcome.error;
  for (const auto& fault : outcome.faults) EXPECT_NE(fault.find(name + ", line "), std::string::npos) << fault;
  return outcome;
}

bool holds(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST(OddTables, LineEndsAndMarksAreNoContent) {
  for (const char* name : {"t.csv", "t.tsv"}) {
    const std::string separator = std::string(name) == "t.csv" ? "," : "\t";
    const std::string header = "id" + separator + "text", row = "7" + separator + "caf\xC3\xA9";
    for (const std::string& bytes : {fmt::format("{}\r\n{}\r\n", header, row), fmt::format("\xEF\xBB\xBF{}\n{}", header, row),
                                     fmt::format("{}\n\n\r\n{}\n\n", header, row), fmt::format("{}\r\n{}", header, row)}) {
      const Outcome outcome = read(name, bytes);
      ASSERT_EQ(outcome.rows.size(), 1u) << bytes << outcome.error;
      EXPECT_EQ(outcome.rows[0].id, "7");
      EXPECT_EQ(outcome.rows[0].text, "caf\xC3\xA9");
    }
  }
  const Outcome json = read("t.jsonl", "\xEF\xBB\xBF{\"id\": \"7\"}\r\n\r\n{\"id\": 8}");
  ASSERT_EQ(json.rows.size(), 2u);
  EXPECT_EQ(json.rows[1].id, "8");
}

TEST(OddTables, QuotedCellsHoldSeparatorsQuotesAndLineEnds) {
  const Outcome outcome = read("t.csv", "id,text\r\n1,\"a, \"\"b\"\"\r\nc\n\nd\"\r\n2, spaces stay \r\n3,\"\"\r\n");
  ASSERT_EQ(outcome.rows.size(), 3u) << outcome.error;
  EXPECT_EQ(outcome.rows[0].text, "a, \"b\"\r\nc\n\nd");
  EXPECT_EQ(outcome.rows[0].at.line, 2);
  EXPECT_EQ(outcome.rows[1].text, " spaces stay ");
  EXPECT_EQ(outcome.rows[1].at.line, 6);
  EXPECT_EQ(outcome.rows[2].text, "");
}

// CR alone ends a row, and counts as a line: files of old Macs.
TEST(OddTables, LinesOfOldMacsAreLines) {
  const Outcome outcome = read("t.csv", "id,text\r1,a\r\r2,\"b\rc\"\r3,d\r4,e\r\n5,f");
  ASSERT_EQ(outcome.rows.size(), 5u) << outcome.error;
  const int64_t lines[] = {2, 4, 6, 7, 8};
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(outcome.rows[i].id, std::to_string(i + 1));
    EXPECT_EQ(outcome.rows[i].at.line, lines[i]);
  }
  EXPECT_EQ(outcome.rows[1].text, "b\rc");
  const Outcome faulty = read("t.csv", "id,text\r1,a,b\r2,c");
  ASSERT_EQ(faulty.faults.size(), 1u);
  EXPECT_TRUE(holds(faulty.faults[0], "line 2 (post 1):")) << faulty.faults[0];
}

TEST(OddTables, WhatIsNoTextOfTheEncodingIsAFaultOfItsRow) {
  for (const auto& [name, bytes] : {std::pair{"t.csv", "id,text\n1,caf\xE9\n2,fine\n"}, std::pair{"t.tsv", "id\ttext\n1\t\xC3(\n2\tfine\n"},
                                    std::pair{"t.jsonl", "{\"id\":\"1\",\"text\":\"caf\xE9\"}\n{\"id\":\"2\",\"text\":\"fine\"}\n"},
                                    std::pair{"t.csv", "id,text\n1,\xED\xA0\x80\n2,fine\n"},         // a surrogate
                                    std::pair{"t.csv", "id,text\n1,\xC0\xAF\n2,fine\n"},             // a slash in too many bytes
                                    std::pair{"t.csv", "id,text\n1,\xF4\x90\x80\x80\n2,fine\n"}}) {  // beyond Unicode
    const Outcome outcome = read(name, bytes);
    ASSERT_EQ(outcome.faults.size(), 1u) << name << bytes << outcome.error;
    EXPECT_TRUE(holds(outcome.faults[0], "not UTF-8")) << outcome.faults[0];
    ASSERT_EQ(outcome.rows.size(), 1u);
    EXPECT_EQ(outcome.rows[0].text, "fine");
  }
  for (const std::string& bytes : {std::string("\xFF\xFEi\0d\0", 6), std::string("\xFE\xFF\0i\0d", 6)}) {
    for (const char* name : {"t.csv", "t.tsv", "t.jsonl"}) EXPECT_TRUE(holds(read(name, bytes).error, "UTF-16")) << name;
  }
}

// A NUL is a character like others in a text; in an id it is refused.
TEST(OddTables, NulIsKeptInTextsAndRefusedInIds) {
  const Outcome table = read("t.csv", std::string("id,text\n1,a\0b\n", 14));
  ASSERT_EQ(table.rows.size(), 1u) << table.error;
  EXPECT_EQ(table.rows[0].text, std::string("a\0b", 3));
  const Outcome json = read("t.jsonl", "{\"id\":\"1\",\"text\":\"a\\u0000b\"}\n");
  ASSERT_EQ(json.rows.size(), 1u);
  EXPECT_EQ(json.rows[0].text, std::string("a\0b", 3));
  EXPECT_FALSE(id_fault(std::string("a\0b", 3)).empty());
}

TEST(OddTables, AnotherNumberOfCellsIsAFaultOfItsRow) {
  const Outcome outcome = read("t.csv", "id,text,label\n1,a\n2,a,b,c\n3,a,b\n4\n");
  ASSERT_EQ(outcome.faults.size(), 3u);
  EXPECT_TRUE(holds(outcome.faults[0], "line 2 (post 1): 2 cells, expected 3"));
  EXPECT_TRUE(holds(outcome.faults[1], "line 3 (post 2): 4 cells, expected 3"));
  EXPECT_TRUE(holds(outcome.faults[2], "line 5 (post 4): 1 cells, expected 3"));
  ASSERT_EQ(outcome.rows.size(), 1u);
  EXPECT_EQ(outcome.rows[0].id, "3");
}

TEST(OddTables, AFileThatIsNoSuchTableIsRefusedAsAWhole) {
  EXPECT_TRUE(holds(read("t.csv", "").error, "is empty"));
  EXPECT_TRUE(holds(read("t.csv", "\n\r\n").error, "is empty"));
  EXPECT_TRUE(holds(read("t.csv", "name,words\n1,2\n").error, "none of the columns"));
  EXPECT_TRUE(holds(read("t.csv", "id,text,id\n1,2,3\n").error, "occurs twice"));
  EXPECT_TRUE(holds(read("t.csv", "id,text\n1,\"open\n2,b\n").error, "never closed"));
  EXPECT_TRUE(holds(read("t.xlsx", "PK\x03\x04").error, "unknown kind of table"));
  EXPECT_TRUE(holds(read("t.csv", std::string(2000, '\0')).error, "none of the columns"));
}

TEST(OddTables, LinesThatAreNoObjectAreFaults) {
  for (const char* line :
       {"{", "[1]", "\"id\"", "7", "null", "{\"id\": \"1\"} {\"id\": \"2\"}", "{\"id\": [\"1\"]}", "{\"text\": 7}", "{\"id\": 1.5}",
        "{\"id\": true}", "{\"id\": \"1\", \"text\": \"a\nb\"}", "{'id': '1'}", "{\"text\": \"\\ud800\"}"}) {
    const Outcome outcome = read("t.jsonl", std::string(line) + "\n{\"id\":\"after\"}\n");
    EXPECT_GE(outcome.faults.size(), 1u) << line;
    ASSERT_EQ(outcome.rows.size(), 1u) << line;
    EXPECT_EQ(outcome.rows[0].id, "after") << line;
  }
  EXPECT_EQ(read("t.jsonl", "{\"id\":\"1\",\"text\":null}").rows.at(0).text, std::nullopt);
}

// nlohmann prints a value by recursion: a message about such a line must not end the process.
TEST(OddTables, DeepJsonIsAFaultNotACrash) {
  const std::string deep(200000, '[');
  const Outcome open = read("t.jsonl", deep + "\n{\"id\":\"after\"}\n");
  EXPECT_EQ(open.faults.size(), 1u);
  const Outcome closed = read("t.jsonl", "{\"text\":" + deep + std::string(200000, ']') + "}\n{\"id\":\"after\"}\n");
  EXPECT_EQ(closed.faults.size(), 1u);
  EXPECT_EQ(closed.rows.size(), 1u);
}

TEST(OddTables, IdsThatWouldLeaveTheirFolderAreRefused) {
  for (const char* id : {"../x", "/etc/passwd", "a/b", "a\\b", ".", "..", "", "a\nb", "\x7F", "caf\xE9"}) {
    EXPECT_FALSE(id_fault(id).empty()) << id;
  }
  EXPECT_FALSE(id_fault(std::string(201, 'x')).empty());
  for (const char* id : {"...", "a..b", "#1", "caf\xC3\xA9", " 1"}) EXPECT_TRUE(id_fault(id).empty()) << id;
  const Scratch scratch;
  for (const auto& [name, bytes] : {std::pair{"ids.csv", "id,text,label,split\n../x,a,b,train\n"},
                                    std::pair{"ids.jsonl", "{\"id\":\"../x\",\"text\":\"a\",\"label\":\"b\",\"split\":\"train\"}\n"}}) {
    const auto table = scratch.file(name, bytes);
    EXPECT_THROW(read_data_set(table), DataError);
    std::vector<std::string> faults;
    std::string hash;
    EXPECT_TRUE(read_data_set(table, [&faults](const std::string& fault) { faults.push_back(fault); }, hash).posts.empty());
    ASSERT_EQ(faults.size(), 1u);
    EXPECT_TRUE(holds(faults[0], "\"../x\" holds '/'")) << faults[0];
  }
}

}  // namespace
}  // namespace infig
