// Evaluations of several data sets, splits and checkpoints in one run folder, and the verdict that all pages share.
#include "evaluation/stored.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/files.h"
#include "evaluation/report_run.h"
#include "evaluation/verdict.h"
#include "reference/html_check.h"

namespace infig {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class StoredTest : public ReportTest {};

// Another data set, another split: nothing replaces the run's own test split, and everything is shown.
TEST_F(StoredTest, EveryEvaluationStaysAndIsShown) {
  const DataSet data = synthetic_run();
  report(data);
  EXPECT_TRUE(write_model_card(folder_, data));
  const std::string card = read_file(folder_ / "model-card.md"), own = read_file(folder_ / "eval/test.json");
  EvaluationResult other = small_result();
  other.data = "else/where";
  other.data_sha256 = "beefbeef00";
  other.scores.accuracy = 0.4321;
  DataSet elsewhere = data;
  elsewhere.name = other.data;
  elsewhere.sha256 = other.data_sha256;
  const StoredEvaluation place = write_evaluation(other, folder_);
  EXPECT_EQ(place.folder, "eval/else_where-beefbeef");
  write_report(folder_, elsewhere, place, {});
  EXPECT_FALSE(write_model_card(folder_, elsewhere));
  EvaluationResult dev = small_result();
  dev.split = "dev";
  dev.scores.accuracy = 0.1234;
  write_evaluation(dev, folder_);
  write_report(folder_, data, {.split = "dev"}, {});
  EXPECT_TRUE(write_model_card(folder_, data));
  EXPECT_EQ(read_file(folder_ / "eval/test.json"), own);
  EXPECT_EQ(read_file(folder_ / "model-card.md"), card);
  const std::string page = read_file(folder_ / "report.html");
  EXPECT_THAT(reference::html_faults(page), ElementsAre());
  EXPECT_THAT(page, HasSubstr("<p class=\"figure\">60.0\u00a0%</p>"));  // the head
  EXPECT_THAT(page, HasSubstr(">On dev</h2>"));
  EXPECT_THAT(page, HasSubstr(">On else/where, test</h2>"));
  EXPECT_THAT(page, HasSubstr("12.3\u00a0%"));
  EXPECT_THAT(page, HasSubstr("43.2\u00a0%"));
  EXPECT_THAT(page, HasSubstr("majority accuracy 70\u00a0%"));  // dev holds 3 and 7
  // Without the own test split the head is what was looked at last, and the card says what is missing.
  std::filesystem::remove(folder_ / "eval/test.json");
  write_report(folder_, elsewhere, place, {});
  EXPECT_THAT(read_file(folder_ / "report.html"), HasSubstr("never evaluated on the test split of its own data set"));
  EXPECT_TRUE(write_model_card(folder_, data));
  EXPECT_THAT(read_file(folder_ / "model-card.md"), HasSubstr("never evaluated on the test split"));
}

// Figures of a checkpoint that training has left behind are marked as such.
TEST_F(StoredTest, FiguresOfAnEarlierCheckpointAreMarked) {
  const DataSet data = synthetic_run();
  EvaluationResult result = small_result();
  result.checkpoint = "step-000010";
  const StoredEvaluation stored = write_evaluation(result, folder_);
  for (const char* step : {"step-000010", "step-000020"}) std::filesystem::create_directories(folder_ / "checkpoints" / step);
  std::filesystem::create_directory_symlink("step-000010", folder_ / "checkpoints/best");
  EXPECT_EQ(outdated_by(folder_, stored), "");
  EXPECT_THAT(report(data), Not(HasSubstr("step-000010")));
  std::filesystem::remove(folder_ / "checkpoints/best");
  std::filesystem::create_directory_symlink("step-000020", folder_ / "checkpoints/best");
  EXPECT_EQ(outdated_by(folder_, stored), "step-000020");
  EXPECT_THAT(report(data), HasSubstr("five|posts, test are those of step-000010; the best checkpoint is step-000020 now"));
  EXPECT_TRUE(write_model_card(folder_, data));
  EXPECT_THAT(read_file(folder_ / "model-card.md"), HasSubstr("of an earlier checkpoint; the best is step-000020 now"));
}

// A file of 0.1.0 names no data set, has an interval of its own, and no posts beside it.
TEST_F(StoredTest, EvaluationsOfOlderVersionsAreTheRunsOwn) {
  const DataSet data = synthetic_run();
  auto json = nlohmann::json::parse(read_file(folder_ / "eval/test.json"));
  for (const char* key : {"data", "data_sha256", "data_counts"}) json.erase(key);
  write_file_atomic(folder_ / "eval/test.json", json.dump());
  const auto stored = stored_evaluations(folder_);
  ASSERT_EQ(stored.size(), 1U);
  EXPECT_TRUE(stored[0].own());
  EXPECT_EQ(read_evaluation(folder_, "test").data_sha256, "");
  EXPECT_THAT(report(data), HasSubstr("did not record the data set"));
  EXPECT_TRUE(write_model_card(folder_, data));
  EXPECT_THAT(read_file(folder_ / "model-card.md"), HasSubstr("did not record the data set"));
}

// Majority .6, interval .23 to .88; the anchors move the reference.
TEST(VerdictTest, OneSentenceForAllReferences) {
  EvaluationResult result = small_result();
  result.scores.count = 10;  // twice the five posts
  for (auto& one : result.scores.classes) one.support *= 2;
  EXPECT_THAT(verdict_of(result).sentence, HasSubstr("is not shown to be better than always answering a (60.0 %): its accuracy is 60.0 %"));
  result.anchors = {{.name = "tfidf", .accuracy = .7}};
  EXPECT_THAT(verdict_of(result).sentence, HasSubstr("is not shown to be better than the anchor tfidf (70.0 %)"));
  EXPECT_THAT(verdict_of(result).sentence, testing::EndsWith(" %, of the model alone: the anchor is taken as a fixed figure."));
  result.anchors[0].accuracy = .9;
  EXPECT_EQ(verdict_of(result).against_best, Stand::kWorse);
  EXPECT_THAT(verdict_of(result).sentence,
              HasSubstr("is not shown to be better than always answering a (60.0 %), and is shown to be worse than the anchor tfidf"));
  result.scores.accuracy_low = .61;
  result.anchors[0].accuracy = .7;
  EXPECT_THAT(verdict_of(result).sentence,
              HasSubstr("is shown to be better than always answering a (60.0 %), but is not shown to be better than the anchor tfidf"));
  result.anchors[0].accuracy = .605;
  EXPECT_EQ(verdict_of(result).against_best, Stand::kBetter);
  result.scores.count = 5;  // no exact test of five posts comes below .05: 2 / 2^5 = .0625
  EXPECT_EQ(verdict_of(result).against_best, Stand::kNotShown);
  EXPECT_THAT(verdict_of(result).sentence,
              testing::StartsWith("5 posts show nothing (it takes 6 at least), neither that the model is better than "));
}

}  // namespace
}  // namespace infig
