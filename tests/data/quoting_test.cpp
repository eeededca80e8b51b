// How quotes in CSV and TSV are read, and that no reading joins rows without a word.
#include <fmt/format.h>

#include "data/rows.h"
#include "scratch.h"

namespace infig {
namespace {

using test::Scratch;
using test::thrown;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct QuotedRead {
  std::vector<std::string> texts, faults, notes;
  std::vector<int64_t> lines;
};
QuotedRead read_quoted(const std::filesystem::path& path, Quoting quoting = Quoting::kAuto) {
  QuotedRead read;
  TableNotes notes;
  for_each_row(
      path,
      [&](PostRow&& row) {
        read.texts.push_back(row.text.value_or("(none)"));
        read.lines.push_back(row.at.line);
      },
      [&](const std::string& fault) { read.faults.push_back(fault); }, {.quoting = quoting, .notes = &notes});
  read.notes = notes.lines();
  return read;
}

// A tweet that begins with a quote and goes on behind it, and one quote that another tweet closes: as shared/cases has them.
constexpr const char* kTweets =
    "id\ttext\tlabel\n1\t\"Best day ever\"\tgood\n2\train again\tbad\n3\t\"you are late\" she said\tgood\n4\t\"so long\tbad\n5\tsaid "
    "he\"\tbad\n";

TEST(Quoting, TweetsAreReadWithoutQuotesWhereOnlySoAllRowsFit) {
  const Scratch scratch;
  const auto read = read_quoted(scratch.file("t.tsv", kTweets));
  EXPECT_THAT(read.texts, ElementsAre("\"Best day ever\"", "rain again", "\"you are late\" she said", "\"so long", "said he\""));
  EXPECT_THAT(read.lines, ElementsAre(2, 3, 4, 5, 6));
  EXPECT_THAT(read.faults, IsEmpty());
  EXPECT_THAT(read.notes, ElementsAre(HasSubstr("read without quoting")));
}

TEST(Quoting, AsCsvTheRowThatBreaksTheRuleIsNamedAndTheNextOnesStay) {
  const Scratch scratch;
  const auto read = read_quoted(scratch.file("t.tsv", kTweets), Quoting::kCsv);
  // Line 4 breaks the rule; lines 5 and 6 are one row to whoever asks for CSV.
  EXPECT_THAT(read.texts, ElementsAre("Best day ever", "rain again", "so long\tbad\n5\tsaid he"));
  EXPECT_THAT(read.faults,
              ElementsAre(AllOf(HasSubstr("t.tsv, line 4 (post 3): "), HasSubstr("\"you are late"), HasSubstr("--quote none"))));
}

// Both readings fit every row of tabs, but quotes would make one row of two.
TEST(Quoting, QuotesThatWouldJoinRowsOfTabsAreNoQuotes) {
  const Scratch scratch;
  const auto read = read_quoted(scratch.file("t.tsv", "id\ttext\tlabel\n1\t\"so long\tbad\n2\tsaid he\"\tbad\n3\tok\tgood\n"));
  EXPECT_THAT(read.texts, ElementsAre("\"so long", "said he\"", "ok"));
  EXPECT_THAT(read.notes, ElementsAre(HasSubstr("read without quoting")));
}

TEST(Quoting, WhereNeitherReadingFitsAJoinedRowIsAFault) {
  const Scratch scratch;
  const auto read = read_quoted(scratch.file("t.tsv", "id\ttext\tlabel\n1\t\"so long\tbad\n2\tsaid he\"\tbad\n3\tshort\n4\tok\tgood\n"));
  EXPECT_THAT(read.texts, ElementsAre("said he\"", "ok"));
  EXPECT_THAT(read.faults, ElementsAre(AllOf(HasSubstr("line 2 (post 1): "), HasSubstr("would join 2 rows")),
                                       HasSubstr("line 4 (post 3): 2 cells, expected 3")));
}

TEST(Quoting, CsvWithLineEndsInQuotesStaysCsv) {
  const Scratch scratch;
  const auto read = read_quoted(scratch.file("t.csv", "id,text\n1,\"one\nand, two\"\n2,\"a, b\"\n3,\"say \"\"hi\"\"\"\n"));
  EXPECT_THAT(read.texts, ElementsAre("one\nand, two", "a, b", "say \"hi\""));
  EXPECT_THAT(read.faults, IsEmpty());
}

TEST(Quoting, CsvWhoseJoinedLinesWouldAllBeRowsIsReadAsCsvAndSaid) {
  const Scratch scratch;
  const auto path = scratch.file("t.csv", "id,text\n1,\"one\nand, two\"\n2,b\n");
  const auto read = read_quoted(path);
  EXPECT_THAT(read.texts, ElementsAre("one\nand, two", "b"));
  EXPECT_THAT(read.notes, ElementsAre(AllOf(HasSubstr("the first is line 2 (post 1)"), HasSubstr("--quote none"))));
  EXPECT_THAT(read_quoted(path, Quoting::kNone).texts, ElementsAre("\"one", " two\"", "b"));
}

TEST(Quoting, QuotesInsideUnquotedCellsAreCharacters) {
  const Scratch scratch;
  const auto read = read_quoted(scratch.file("t.csv", "id,text\n1,a 5\" screen\n2, \"not at the start\"\n3,\"\"\n"));
  EXPECT_THAT(read.texts, ElementsAre("a 5\" screen", " \"not at the start\"", ""));
  EXPECT_THAT(read.faults, IsEmpty());
}

// A quote that is closed far below makes a row of another width: its first line is the fault, and the others are rows of their own.
TEST(Quoting, AJoinedRowOfAnotherWidthCostsItsFirstLineAlone) {
  const Scratch scratch;
  const auto read = read_quoted(scratch.file("t.csv", "id,text\n1,\"a\n2,b\n3,c\",d\n4,e\n"), Quoting::kCsv);
  EXPECT_THAT(read.texts, ElementsAre("b", "e"));
  EXPECT_THAT(read.faults, ElementsAre(AllOf(HasSubstr("line 2 (post 1): 3 cells over 3 lines, expected 2"), HasSubstr("--quote none")),
                                       HasSubstr("line 4 (post 3): 3 cells, expected 2")));
}

TEST(Quoting, BrokenRowsAreThrownWithoutAPlaceForFaults) {
  const Scratch scratch;
  const auto path = scratch.file("t.csv", "id,text\n1,\"a\" b\n2,c,d\n");
  EXPECT_THAT(thrown<DataError>([&] { for_each_row(path, [](PostRow&&) {}); }),
              HasSubstr("t.csv, line 2 (post 1): a quote in the quoted cell"));
  EXPECT_THAT(thrown<DataError>([&] { for_each_row(scratch.file("u.csv", "id,text\n1,\"a\n2,c,d\n"), [](PostRow&&) {}); }),
              HasSubstr("u.csv, line 2 (post 1): a quoted cell that begins in this row is never closed"));
}

// Every line of a file, whatever its quotes, is in a row, in a fault, or blank: random tables against a count of lines.
TEST(Quoting, NoLineIsLost) {
  const Scratch scratch;
  uint64_t state = 7;
  const auto draw = [&](uint64_t most) {
    return (state = state * 6364136223846793005ULL + 1442695040888963407ULL) >> 33 % 64 ? (state >> 33) % most : 0;
  };
  for (int round = 0; round < 300; ++round) {
    std::string table = "id\ttext\n";
    const auto lines = static_cast<int>(1 + draw(6));
    for (int i = 0; i < lines; ++i) {
      table += std::to_string(i) + "\t";
      for (auto left = draw(6); left > 0; --left) table += std::string_view("\"ab \t\"")[draw(6)];
      table += "x\n";  // never blank
    }
    const auto path = scratch.file("r.tsv", table);
    int64_t seen = 0;
    try {
      for_each_row(
          path,
          [&](PostRow&& row) {
            const std::string& text = *row.text;
            seen += 1 + std::count(text.begin(), text.end(), '\n');
          },
          [&](const std::string&) { ++seen; });
      EXPECT_EQ(seen, lines) << table;
    } catch (const DataError& error) {
      EXPECT_THAT(error.what(), HasSubstr("never closed")) << table;
    }
  }
}

}  // namespace
}  // namespace infig
