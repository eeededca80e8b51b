// The leaderboard's lines, once they are found: filters, order, output. What finds them is tried in tests/e2e/test_results.py.
#include "experiments/leaderboard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"

namespace infig {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

BoardLine line(const std::string& name, const std::vector<double>& accuracies, double seconds, const std::string& data = "cards") {
  BoardLine one;
  one.name = name;
  one.preset = "tiny";
  one.settings = {{"gam.layer", name == "a" ? "2" : "10"}};
  one.train_seconds = seconds;
  for (size_t i = 0; i < accuracies.size(); ++i) one.seeds.push_back(std::to_string(i + 1));
  if (accuracies.empty()) return one;
  one.data = data;
  one.data_sha256 = std::string(64, '1');
  one.split = "test";
  one.posts = 1;
  one.accuracy = summarize(accuracies, {.low = 0, .high = 1});
  one.interval = accuracies.size() > 1 ? one.accuracy.interval : Interval{.low = .25, .high = .75};
  return one;
}

std::vector<std::string> names_of(const std::vector<BoardLine>& lines) {
  std::vector<std::string> names;
  for (const BoardLine& one : lines) names.push_back(one.name);
  return names;
}

std::vector<BoardLine> board() {
  return {line("none", {}, 3), line("a", {.5}, 20), line("b", {.6, .8}, 9), line("c", {.4}, 100, "apples")};
}

TEST(Leaderboard, FiltersCompareNumbersAsNumbers) {
  EXPECT_THAT(names_of(filtered(board(), "train_seconds>9")), ElementsAre("a", "c"));
  EXPECT_THAT(names_of(filtered(board(), "train_seconds>=9.0")), ElementsAre("a", "b", "c"));
  EXPECT_THAT(names_of(filtered(board(), "accuracy<=0.5")), ElementsAre("a", "c"));  // what has no score is no match
  EXPECT_THAT(names_of(filtered(board(), "gam.layer<10")), ElementsAre("a"));
  EXPECT_THAT(names_of(filtered(board(), "data!=cards")), ElementsAre("c"));
  EXPECT_THAT(names_of(filtered(board(), "run=none")), ElementsAre("none"));
  EXPECT_THROW(filtered(board(), "accuracy"), ConfigError);
  EXPECT_THROW(filtered(board(), "=1"), ConfigError);
  EXPECT_THROW(filtered(board(), "beauty=1"), ConfigError);
}

TEST(Leaderboard, BestFirstInsideEachDataSet) {
  auto lines = board();
  sort_board(lines, "accuracy", false);
  EXPECT_THAT(names_of(lines), ElementsAre("c", "b", "a", "none"));
  sort_board(lines, "accuracy", true);
  EXPECT_THAT(names_of(lines), ElementsAre("c", "a", "b", "none"));
  sort_board(lines, "train_seconds", false);
  EXPECT_THAT(names_of(lines), ElementsAre("c", "b", "a", "none"));
  EXPECT_THROW(sort_board(lines, "beauty", false), ConfigError);
}

// A message goes below its row, whatever its length: the lines of the table stay those of its figures.
TEST(Leaderboard, LongNotesDoNotWidenTheTable) {
  auto lines = board();
  std::string note;
  for (int i = 0; i < 60; ++i) note += (i == 0 ? "" : " ") + std::string("word") + std::to_string(i);
  lines[0].note = lines[1].note = note;
  sort_board(lines, "accuracy", false);
  const std::string text = board_text(lines);
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = text.find('\n', begin);
    EXPECT_LE(end - begin, 130U) << text.substr(begin, end - begin);
    begin = end + 1;
  }
  EXPECT_THAT(text, HasSubstr("word0 word1"));
  EXPECT_THAT(text, HasSubstr(" word59\n"));
}

TEST(Leaderboard, TextAndCsv) {
  auto lines = board();
  lines[0].state = RunState::kBroken;
  lines[0].note = "config.yaml: line 1: no";
  sort_board(lines, "accuracy", false);
  const std::string text = board_text(lines);
  EXPECT_THAT(text, HasSubstr("apples (SHA-256 11111111...), test, 1 post\n"));
  EXPECT_THAT(text, HasSubstr("0.5000 (0.2500 to 0.7500)"));
  EXPECT_THAT(text, HasSubstr("0.7000 (the two: 0.6000, 0.8000)"));
  EXPECT_THAT(text, HasSubstr("broken: config.yaml: line 1: no"));
  EXPECT_THAT(text, testing::Not(HasSubstr("marks")));
  const std::string csv = board_csv(lines);
  EXPECT_THAT(csv, testing::StartsWith("run,state,note,preset,data,data_sha256,split,posts,seeds,accuracy,accuracy_low,"));
  EXPECT_THAT(csv, HasSubstr("\nb,finished,,tiny,cards,"));
  EXPECT_THAT(csv, HasSubstr(",test,1,1 2,0.7,,,"));  // no interval of two
  EXPECT_THAT(csv, HasSubstr("\nnone,broken,config.yaml: line 1: no,tiny,,,,,,,,,"));
}

TEST(Leaderboard, MarksStandWhereThereAreSome) {
  auto lines = board();
  lines[1].marks = {"random vectors", "scene=surrogate"};
  const std::string text = board_text(lines);
  EXPECT_THAT(text, HasSubstr("marks"));
  EXPECT_THAT(text, HasSubstr("random vectors, scene=surrogate"));
  EXPECT_THAT(board_csv(lines), HasSubstr(",\"random vectors, scene=surrogate\"\n"));
  EXPECT_THAT(names_of(filtered(lines, "marks=random vectors, scene=surrogate")), ElementsAre("a"));
  // The table of the other data set has no such column.
  EXPECT_THAT(board_text({lines[3]}), testing::Not(HasSubstr("marks")));
}

}  // namespace
}  // namespace infig
