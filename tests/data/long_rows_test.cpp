// Rows that are too long to be rows: files without line ends, quotes that are never closed.
#include <vector>

#include "data/rows.h"
#include "scratch.h"

namespace infig {
namespace {

using test::Scratch;
using test::thrown;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr size_t kMebi = size_t{1} << 20;

struct LongRead {
  std::vector<std::string> ids, faults;
};

LongRead read(const std::filesystem::path& path) {
  LongRead found;
  for_each_row(
      path, [&](PostRow&& row) { found.ids.push_back(*row.id + "@" + std::to_string(row.at.line)); },
      [&](const std::string& fault) { found.faults.push_back(fault); });
  return found;
}

TEST(LongRows, AJsonLineIsAFaultyRowAndTheOthersAreRead) {
  const Scratch scratch;
  const auto path = scratch.file("posts.jsonl", "{\"id\": \"a\"}\n" + std::string(17 * kMebi, 'x') + "\n{\"id\": \"b\"}\n" +
                                                    std::string(20 * kMebi, ' ') + "\n{\"id\": \"c\"}");
  const LongRead found = read(path);
  EXPECT_THAT(found.ids, ElementsAre("a@1", "b@3", "c@5"));
  EXPECT_THAT(found.faults, ElementsAre(HasSubstr("posts.jsonl, line 2: the line has over 16 MiB"), HasSubstr("posts.jsonl, line 4: ")));
  EXPECT_THAT(thrown<DataError>([&] { for_each_row(path, [](PostRow&&) {}); }), HasSubstr("posts.jsonl, line 2: "));
}

TEST(LongRows, JustBelowTheLimitIsAnOrdinaryRow) {
  const Scratch scratch;
  const std::string text(16 * kMebi - 100, 't');
  const auto path = scratch.file("posts.jsonl", "{\"id\": \"a\", \"text\": \"" + text + "\"}\n");
  size_t length = 0;
  for_each_row(path, [&](PostRow&& row) { length = row.text->size(); });
  EXPECT_EQ(length, text.size());
  const auto table = scratch.file("posts.csv", "id,text\na," + text + "\nb,x\n");
  EXPECT_THAT(read(table).ids, ElementsAre("a@2", "b@3"));
}

TEST(LongRows, ATableNamesTheRowInWhichItBegins) {
  const Scratch scratch;
  const auto line = scratch.file("line.csv", "id,text\na,x\nb," + std::string(17 * kMebi, 'x') + "\nc,x\n");
  EXPECT_THAT(thrown<DataError>([&] { read(line); }), HasSubstr("line.csv, line 3: has over 16 MiB"));
  std::string open = "id\ttext\na\t\"";
  for (size_t i = 0; i < 17; ++i) open.append(kMebi - 1, 'x').append("\n");  // a quote that is never closed
  EXPECT_THAT(thrown<DataError>([&] { read(scratch.file("open.tsv", open)); }), HasSubstr("open.tsv, line 2 (post 1): has over 16 MiB"));
}

// Pieces of 64 KiB are put together: lines that end at, before and behind a piece's end.
TEST(LongRows, LinesOfAnyLengthAreWhole) {
  const Scratch scratch;
  for (const size_t length : {65500, 65533, 65534, 65535, 65536, 65537, 131069, 131070, 131071, 200000}) {
    const std::string text(length, 'y');
    std::string all;
    for (const char* id : {"a", "b"}) all += std::string(id) + "," + text + "\r\n";
    std::vector<std::string> texts;
    for_each_row(scratch.file("posts.csv", "id,text\n" + all), [&](PostRow&& row) { texts.push_back(*row.text); });
    EXPECT_THAT(texts, ElementsAre(text, text)) << length;
  }
}

}  // namespace
}  // namespace infig
