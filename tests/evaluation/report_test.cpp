#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>

#include "core/error.h"
#include "core/files.h"
#include "evaluation/gallery.h"
#include "evaluation/report_run.h"
#include "evaluation/report_sections.h"
#include "evaluation/reports.h"
#include "evaluation/run_record.h"
#include "image/encode.h"
#include "pages/html.h"
#include "pages/svg.h"
#include "reference/html_check.h"

namespace infig {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

// p1 and p4 are right, p3 is not: accuracy 2/3; a: precision 1, recall 1/2; b: precision 1/2, recall 1; both F1 2/3.
TEST_F(ReportTest, TheScoreWithoutLeakedPostsStandsBesideTheFullOne) {
  EvaluationResult result = small_result();
  EXPECT_FALSE(score_clean(result, {"p6", "other"}).has_value());  // no label, no such post
  result.clean = score_clean(result, {"p1", "p3", "p4", "p6"});
  ASSERT_TRUE(result.clean.has_value());
  const DataSet data = synthetic_run();
  write_evaluation(result, folder_);
  const auto json = nlohmann::json::parse(read_file(folder_ / "eval" / "test.json"));
  EXPECT_EQ(json.at("eval_accuracy"), 0.6);
  EXPECT_EQ(json.at("eval_clean_samples"), 3);
  EXPECT_NEAR(json.at("eval_clean_accuracy").get<double>(), 2. / 3, 1e-12);
  EXPECT_NEAR(json.at("eval_clean_f1_macro").get<double>(), 2. / 3, 1e-12);
  EXPECT_EQ(read_evaluation(folder_, "test").clean->posts, 3);
  const std::string page = report(data);
  EXPECT_THAT(page, HasSubstr("<h2 id=\"clean\">Without leaked posts</h2>"));
  EXPECT_THAT(page, HasSubstr("66.7\u00a0%"));
  EXPECT_THAT(reference::html_faults(page), ElementsAre());
  write_evaluation(small_result(), folder_);
  EXPECT_FALSE(read_evaluation(folder_, "test").clean.has_value());
  EXPECT_THAT(report(data), Not(HasSubstr("id=\"clean\"")));
}

TEST_F(ReportTest, EvaluationFilesHoldWhatTheContractSays) {
  write_evaluation(small_result(), folder_);
  const auto json = nlohmann::json::parse(read_file(folder_ / "eval" / "test.json"));
  EXPECT_EQ(json.at("eval_accuracy"), 0.6);
  EXPECT_EQ(json.at("eval_accuracy_low"), 0.23);
  EXPECT_EQ(json.at("eval_accuracy_high"), 0.88);
  EXPECT_EQ(json.at("eval_f1_macro"), 0.58);
  EXPECT_EQ(json.at("eval_f1_weighted"), 0.6);
  EXPECT_EQ(json.at("eval_ece"), 0.19);
  EXPECT_EQ(json.at("eval_loss"), 0.75);
  EXPECT_EQ(json.at("eval_samples"), 5);
  EXPECT_EQ(json.at("eval_majority_accuracy"), 0.6);  // 3 of 5 are a
  EXPECT_EQ(json.at("eval_f1_a"), 2. / 3);
  EXPECT_EQ(json.at("eval_support_b, \"odd\""), 2);
  EXPECT_EQ(json.at("confusion_matrix"), nlohmann::json::parse("[[2,1],[1,1]]"));
  EXPECT_EQ(json.at("images_missing"), 3);
  EXPECT_EQ(read_file(folder_ / "eval" / "test-predictions.csv"),
            "id,label,prediction,p_a,\"p_b, \"\"odd\"\"\"\n"
            "p1,a,a,0.9,0.1\n"
            "p2,a,a,0.6,0.4\n"
            "p3,a,\"b, \"\"odd\"\"\",0.2,0.8\n"
            "p4,\"b, \"\"odd\"\"\",\"b, \"\"odd\"\"\",0.3,0.7\n"
            "p5,\"b, \"\"odd\"\"\",a,0.95,0.05\n"
            "p6,,\"b, \"\"odd\"\"\",0.25,0.75\n");
  EXPECT_EQ(read_file(folder_ / "eval" / "test-confusion.csv"), "truth,a,\"b, \"\"odd\"\"\"\na,2,1\n\"b, \"\"odd\"\"\",1,1\n");
}

TEST_F(ReportTest, EvaluationSurvivesWritingAndReading) {
  auto written = small_result();
  written.without = "image";
  written.texts_missing = 4;
  write_evaluation(written, folder_);
  EXPECT_TRUE(std::filesystem::exists(folder_ / "eval" / "test-without-image.json"));
  EXPECT_TRUE(std::filesystem::exists(folder_ / "eval" / "test-without-image-predictions.csv"));
  const auto read = read_evaluation(folder_, "test", "image");
  EXPECT_EQ(read.labels, written.labels);
  EXPECT_EQ(read.without, "image");
  EXPECT_EQ(read.scores.accuracy, 0.6);
  EXPECT_EQ(read.scores.confusion, written.scores.confusion);
  EXPECT_EQ(read.scores.classes[0].precision, 2. / 3);
  EXPECT_EQ(read.texts_missing, 4);
  ASSERT_EQ(read.predictions.size(), 6u);
  EXPECT_EQ(read.predictions[5].label_id, -1);
  EXPECT_EQ(read.predictions[4].predicted_id, 0);
  EXPECT_EQ(read.predictions[4].probabilities, (std::vector<double>{0.95, 0.05}));
  EXPECT_THROW(read_evaluation(folder_, "test"), DataError);
}

TEST_F(ReportTest, AClassCalledMacroDoesNotTakeTheMeansKey) {
  auto result = small_result();
  result.labels = {"macro", "weighted"};
  write_evaluation(result, folder_);
  EXPECT_EQ(nlohmann::json::parse(read_file(folder_ / "eval" / "test.json")).at("eval_f1_macro"), 0.58);
  EXPECT_EQ(read_evaluation(folder_, "test").scores.classes[0].f1, 2. / 3);
}

TEST_F(ReportTest, ResultsThatDoNotFitAreRefused) {
  auto result = small_result();
  result.scores.confusion[0][0] = 7;
  EXPECT_THROW(write_evaluation(result, folder_), ShapeError);
  result = small_result();
  result.predictions[2].probabilities.pop_back();
  EXPECT_THROW(write_evaluation(result, folder_), ShapeError);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "eval" / "test-predictions.csv"));
}

TEST_F(ReportTest, BrokenPredictionTablesNameTheirRow) {
  const auto path = folder_ / "table.csv";
  const auto message = [&path](const std::string& bytes) -> std::string {
    write_file_atomic(path, bytes);
    try {
      read_predictions(path, {"a", "b"});
    } catch (const DataError& error) {
      return error.what();
    }
    return "nothing thrown";
  };
  EXPECT_THAT(message(""), HasSubstr("an empty file"));
  EXPECT_THAT(message("id,label,prediction,p_a,p_c\n"),
              HasSubstr("header: expected id,label,prediction,p_a,p_b, found id,label,prediction,p_a,p_c"));
  EXPECT_THAT(message("id,label,prediction,p_a,p_b\n1,a,a,1,0\n2,a,c,1,0\n"), AllOf(HasSubstr("line 3 (post 2)"), HasSubstr("'c'")));
  EXPECT_THAT(message("id,label,prediction,p_a,p_b\n1,a,a,1\n"), AllOf(HasSubstr("line 2 (post 1)"), HasSubstr("4 fields, expected 5")));
  EXPECT_THAT(message("id,label,prediction,p_a,p_b\n1,a,a,1,nan\n"), AllOf(HasSubstr("line 2 (post 1)"), HasSubstr("p_b")));
  EXPECT_THAT(message("id,label,prediction,p_a,p_b\n1,a,a,1,0x\n"), HasSubstr("'0x'"));
}

TEST_F(ReportTest, MetricsKeepWhatWasWrittenLast) {
  const auto path = folder_ / "metrics.jsonl";
  write_file_atomic(
      path,
      "{\"step\":1,\"epoch\":0.5,\"loss\":3.0}\n{\"step\":2,\"epoch\":1,\"loss\":2.0}\n{\"step\":3,\"epoch\":1.5,\"loss\":null}\n"
      "{\"step\":2,\"epoch\":1,\"loss\":2.5}\n\n{\"step\":2,\"epoch\":1,\"eval_accuracy\":0.5}\n{\"step\":9,\"lo");
  const auto metrics = read_metrics(path);
  ASSERT_EQ(metrics.size(), 2u);
  EXPECT_THAT(metrics.at("loss").step, ElementsAre(1, 2));
  EXPECT_THAT(metrics.at("loss").value, ElementsAre(3.0, 2.5));
  EXPECT_THAT(metrics.at("loss").epoch, ElementsAre(0.5, 1));
  EXPECT_THAT(metrics.at("eval_accuracy").value, ElementsAre(0.5));
  write_file_atomic(path, "{\"step\":1}\n{\"st\n{\"step\":3}\n");
  try {
    read_metrics(path);
    FAIL() << "a broken line in the middle was accepted";
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), HasSubstr("line 2"));
  }
}

TEST_F(ReportTest, PageIsWholeAndAlone) {
  const std::string page = report(synthetic_run());
  EXPECT_THAT(reference::html_faults(page), ElementsAre());
  // No address outside the page: the only quoted one is escaped text of a post.
  EXPECT_FALSE(std::regex_search(page, std::regex(R"((src|href|url|srcset|action|data)\s*[=(]\s*["']?\s*(https?:|//|file:))")));
  EXPECT_THAT(page, HasSubstr("default-src 'none'"));
  EXPECT_THAT(page, Not(HasSubstr("SECRET")));  // host and command differ between equal runs
  EXPECT_THAT(page, HasSubstr("<h1>run-one</h1>"));
  EXPECT_THAT(page, HasSubstr("<dd>0.1.0 (0123456789abcdef)</dd>"));
  EXPECT_THAT(page, HasSubstr("60.0\u00a0%"));
  EXPECT_THAT(page, HasSubstr("23.0 to 88.0\u00a0%"));
  EXPECT_THAT(page, HasSubstr("&lt;script src=&quot;http://evil.example/x.js&quot;&gt;&lt;/script&gt; &amp; &#39;more&#39;\xEF\xBF\xBD"));
  EXPECT_THAT(page, HasSubstr("could be decoded): 3."));
}

TEST_F(ReportTest, PageShowsEveryPart) {
  const std::string page = report(synthetic_run());
  for (const char* title :
       {"Loss, all parts weighted", "Classification loss", "(GAM)", "(HFAM)", "Scores on dev", "Learning rate", "Temperatures"}) {
    EXPECT_THAT(page, HasSubstr(title));
  }
  EXPECT_THAT(page, HasSubstr("lines: means of 3 logged steps"));  // 600 lines, at most 240 points
  EXPECT_THAT(page, HasSubstr("<td class=\"hit strong\" style=\"--v:0.667\">2<small>66.7\u00a0%</small></td>"));
  EXPECT_THAT(page, HasSubstr("<td class=\"miss\" style=\"--v:0.333\">1<small>33.3\u00a0%</small></td>"));
  EXPECT_THAT(page, HasSubstr("no text"));
  EXPECT_THAT(page, HasSubstr("picture unreadable"));
  EXPECT_THAT(page, HasSubstr("no picture"));
  EXPECT_THAT(page, HasSubstr("width=\"40\" height=\"20\" alt=\"Picture of post p1\""));
  EXPECT_THAT(page, HasSubstr("width=\"320\" height=\"160\" alt=\"Picture of post p2\""));
  EXPECT_LT(page.find("post p5<"), page.find("post p3<"));  // 0.95 before 0.8
  EXPECT_EQ(page.find("post p6<"), std::string::npos);      // no label: neither right nor wrong
  EXPECT_THAT(page, Not(HasSubstr("text alone")));
}

TEST_F(ReportTest, PageComparesWithAPartWithheld) {
  const auto data = synthetic_run();
  auto other = small_result();
  other.without = "image";
  other.scores.accuracy = 0.4321;
  write_evaluation(other, folder_);
  const std::string page = report(data);
  EXPECT_THAT(page, HasSubstr("text alone"));
  EXPECT_THAT(page, HasSubstr("43.2\u00a0%"));
  EXPECT_THAT(reference::html_faults(page), ElementsAre());
}

TEST_F(ReportTest, EqualRunsGiveEqualBytes) {
  const auto data = synthetic_run();
  const std::string first = report(data, {.threads = 1});
  EXPECT_EQ(sha256_hex(first), sha256_hex(report(data, {.threads = 3})));
}

TEST_F(ReportTest, WrongDataSetIsRefused) {
  auto data = synthetic_run();
  const auto whole = data;
  data.posts[1].id = "another";
  EXPECT_THROW(report(data), DataError);
  data = whole;
  data.posts[1].label_id = 1;
  EXPECT_THROW(report(data), DataError);
  data = whole;
  data.labels = {"x", "y"};
  EXPECT_THROW(report(data), DataError);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "report.html"));
  EXPECT_THROW(report(whole, {.thumbnail = 4}), ConfigError);
}

TEST_F(ReportTest, RunWithoutTrainingSaysSo) {
  const auto data = synthetic_run();
  std::filesystem::remove(folder_ / "metrics.jsonl");
  EXPECT_THAT(report(data), HasSubstr("no <code>metrics.jsonl</code>"));
  std::filesystem::remove(folder_ / "description.json");
  EXPECT_THROW(report(data), DataError);
}

TEST_F(ReportTest, ModelCardHoldsDataScoresAndLimits) {
  auto data = synthetic_run();
  data.posts[0].split = Split::kTrain;
  EXPECT_TRUE(write_model_card(folder_, data));
  const std::string card = read_file(folder_ / "model-card.md");
  EXPECT_THAT(card, HasSubstr("---\nlibrary_name: infig\n"));
  EXPECT_THAT(card, HasSubstr("# run-one\n"));
  EXPECT_THAT(card, HasSubstr("| train | 1 | 1 | 0 |\n| test | 5 | 2 | 2 |"));
  EXPECT_THAT(card, HasSubstr("five\\|posts"));
  EXPECT_THAT(card, HasSubstr("| accuracy | 0.6000 | 0.2300 to 0.8800 |"));
  EXPECT_THAT(card, HasSubstr("| b, \"odd\" | 0.5000 |  | 0.5000 | 0.5000 | 2 |"));
  EXPECT_THAT(card, HasSubstr("| gam.queue_size | 64 (in effect 1: the training split has 1 post) |"));
  EXPECT_THAT(card,
              HasSubstr("5 posts show nothing (it takes 6 at least), neither that the model is better than always answering a (60.0 %)"));
  EXPECT_THAT(card, HasSubstr("3 had no readable picture"));
  EXPECT_THAT(card, HasSubstr("\n    SECRET-COMMAND\n"));
  EXPECT_THAT(card, Not(HasSubstr("SECRET-HOST")));
  EXPECT_THAT(card, HasSubstr("Not looked for"));
}

TEST(Gallery, ChoiceIsByConfidenceAndClass) {
  std::vector<Prediction> predictions;
  const auto add = [&predictions](int64_t truth, int64_t said, double sure) {
    predictions.push_back({std::to_string(predictions.size()), truth, said,
                           said == 0 ? std::vector<double>{sure, 1 - sure} : std::vector<double>{1 - sure, sure}});
  };
  add(0, 1, 0.7);   // 0 wrong
  add(0, 1, 0.9);   // 1 wrong
  add(1, 0, 0.9);   // 2 wrong, as sure as 1 and later
  add(0, 0, 0.6);   // 3 right
  add(0, 0, 0.99);  // 4 right
  add(0, 0, 0.8);   // 5 right
  add(0, 0, 0.7);   // 6 right
  add(0, 0, 0.9);   // 7 right
  add(1, 1, 0.65);  // 8 right, alone in its class
  EXPECT_THAT(most_confident_wrong(predictions, 24), ElementsAre(1, 2, 0));
  EXPECT_THAT(most_confident_wrong(predictions, 1), ElementsAre(1));
  // Four: one of class 1, three of class 0, its most, middle and least confident (4, 5, 3).
  EXPECT_THAT(spread_of_right(predictions, 2, 4), ElementsAre(4, 5, 8, 3));
  EXPECT_EQ(spread_of_right(predictions, 2, 24).size(), 6u);
  EXPECT_TRUE(spread_of_right(predictions, 2, 0).empty());
}

TEST(Calibration, BinsAreClosedAbove) {
  const std::vector<Prediction> predictions = {
      {"1", 0, 0, {1.0, 0.0}}, {"2", 1, 0, {0.95, 0.05}}, {"3", 0, 0, {0.6, 0.4}}, {"4", -1, 0, {0.6, 0.4}}};
  const auto bins = calibration_bins(predictions);
  ASSERT_EQ(bins.size(), 15u);
  EXPECT_EQ(bins[14].count, 2);  // (14/15, 1]
  EXPECT_DOUBLE_EQ(bins[14].accuracy, 0.5);
  EXPECT_DOUBLE_EQ(bins[14].confidence, 0.975);
  EXPECT_EQ(bins[8].count, 1);  // 0.6 = 9/15 closes the ninth bin
  EXPECT_DOUBLE_EQ(bins[8].accuracy, 1);
}

TEST(Charts, TicksAreRound) {
  EXPECT_THAT(round_ticks(0, 1, 5), ElementsAre(::testing::DoubleEq(0), ::testing::DoubleEq(0.2), ::testing::DoubleEq(0.4),
                                                ::testing::DoubleEq(0.6), ::testing::DoubleEq(0.8), ::testing::DoubleEq(1)));
  EXPECT_THAT(round_ticks(3, 17, 4), ElementsAre(0, 5, 10, 15, 20));
  EXPECT_THAT(round_ticks(-0.5, 0.5, 2), ElementsAre(-0.5, 0, 0.5));
}

TEST(Charts, DataLandsWhereTheAxesSay) {
  LineChart chart{.title = "line"};
  chart.series.push_back({.name = "up", .x = {0, 50, 100}, .y = {0, 5, 10}});
  const std::string svg = line_chart(chart);
  // The drawing runs from 48 to 408 and from 208 up to 12; half way is (228, 110).
  EXPECT_THAT(svg, HasSubstr("d=\"M48.0 208.0L228.0 110.0L408.0 12.0\""));
  chart.series[0].y.pop_back();
  EXPECT_THROW(line_chart(chart), ShapeError);
  EXPECT_THROW(line_chart({.title = "nothing"}), ShapeError);
  LineChart point{.title = "one point"};
  point.series.push_back({.name = "p", .x = {5}, .y = {0.5}});
  EXPECT_THAT(line_chart(point), Not(HasSubstr("nan")));
}

TEST(Html, SmallPieces) {
  EXPECT_EQ(html_escape("a<b>&\"'\n"), "a&lt;b&gt;&amp;&quot;&#39;\n");
  EXPECT_EQ(data_uri("text/plain", "Man"), "data:text/plain;base64,TWFu");  // RFC 4648's classic
  EXPECT_EQ(data_uri("text/plain", "Ma"), "data:text/plain;base64,TWE=");
  EXPECT_EQ(data_uri("text/plain", ""), "data:text/plain;base64,");
  EXPECT_EQ(with_thousands(999), "999");
  EXPECT_EQ(with_thousands(1234567), "1,234,567");
  EXPECT_EQ(with_thousands(-1000), "-1,000");
  EXPECT_EQ(percent(0.7124), "71.2\u00a0%");
  EXPECT_THROW(render_page({.title = "t", .header = "", .sections = {{"a", "A", "", ""}, {"a", "B", "", ""}}, .footer = ""}), ShapeError);
}

}  // namespace
}  // namespace infig
