// What stands beside the plain scores: intervals, temperature, slices, leaks, and where they are shown.
#include "evaluation/details.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"
#include "evaluation/leak_counts.h"
#include "evaluation/reports.h"
#include "evaluation/risk_chart.h"
#include "evaluation/slices.h"
#include "evaluation/temperature.h"
#include "metrics/calibration.h"
#include "predict/calibration.h"
#include "reference/html_check.h"

namespace infig {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// 40 posts of two classes; the model says .9 each time and is right in 28: the honest confidence is .7.
EvaluationResult too_sure() {
  EvaluationResult result{.split = "dev", .data = "forty", .data_sha256 = "feed"};
  result.labels = {"neg", "pos"};
  std::vector<PostFacts> facts;
  for (int i = 0; i < 40; ++i) {
    const int64_t said = i % 2, truth = i < 28 ? said : 1 - said;
    result.predictions.push_back({.id = std::to_string(i),
                                  .label_id = truth,
                                  .predicted_id = said,
                                  .probabilities = said == 0 ? std::vector<double>{.9, .1} : std::vector<double>{.1, .9}});
    facts.push_back({.characters = i < 10 ? 40 : 41, .script = i < 30 ? "Latin" : "none", .picture = i >= 5, .text = true});
  }
  const LabelledRows rows = labelled_rows(result);
  result.scores = score_classification(rows.probabilities, rows.labels, 2);
  result.loss = -(28 * std::log(.9) + 12 * std::log(.1)) / 40;
  result.slices = score_slices(result.predictions, facts, 2);
  return result;
}

class DetailsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::path(::testing::TempDir()) /
              ("details-" + std::string(::testing::UnitTest::GetInstance()->current_test_info()->name()));
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_ / "checkpoints" / "best");
    write_file_atomic(folder_ / "checkpoints" / "best" / "model.safetensors", "");
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path folder_;
};

TEST_F(DetailsTest, TemperatureByHand) {
  EvaluationResult result = too_sure();
  const Calibration fitted = fit_calibration(result, "feed");
  // softmax of (log .9, log .1) / T is .7 where log 9 / T = log (7 / 3).
  EXPECT_NEAR(fitted.temperature, std::log(9.0) / std::log(7.0 / 3.0), 1e-9);
  EXPECT_EQ(fitted.posts, 40);
  EXPECT_NEAR(fitted.loss_before, result.loss, 1e-12);
  EXPECT_NEAR(fitted.loss_after, -(28 * std::log(.7) + 12 * std::log(.3)) / 40, 1e-9);
  EXPECT_NEAR(fitted.ece_before, .2, 1e-12);
  EXPECT_NEAR(fitted.ece_after, 0, 1e-9);

  EXPECT_FALSE(read_calibration(folder_).has_value());
  EXPECT_EQ(chosen_temperature(folder_, "none"), 1);
  EXPECT_THROW(chosen_temperature(folder_, "fitted"), CheckpointError);
  EXPECT_THROW(chosen_temperature(folder_, "hot"), ConfigError);
  write_calibration(folder_, fitted);
  EXPECT_TRUE(std::filesystem::exists(folder_ / "checkpoints" / "best" / "calibration.json"));
  EXPECT_EQ(chosen_temperature(folder_, "fitted"), fitted.temperature);
  EXPECT_EQ(read_calibration(folder_)->data_sha256, "feed");

  add_intervals(result, 2);
  const double accuracy = result.scores.accuracy;
  scale_by_temperature(result, fitted.temperature);
  EXPECT_NEAR(result.predictions[0].probabilities[0], .7, 1e-9);
  EXPECT_NEAR(result.loss, fitted.loss_after, 1e-9);
  EXPECT_NEAR(result.scores.ece, 0, 1e-9);
  EXPECT_EQ(result.scores.accuracy, accuracy);
  EXPECT_LT(result.intervals->ece.low, .05);  // of .2 unscaled no replicate of 40 posts came so low
  EXPECT_THROW(fit_calibration(result, "feed"), ShapeError);
}

TEST_F(DetailsTest, BrokenCalibrationsAreNamed) {
  const auto path = folder_ / "checkpoints" / "best" / "calibration.json";
  for (const char* bytes :
       {"", "{}", "{\"temperature\": \"warm\"}", "[1]",
        R"({"temperature":0,"split":"dev","posts":1,"data_sha256":"","loss_before":1,"loss_after":1,"ece_before":0,"ece_after":0})"}) {
    write_file_atomic(path, bytes);
    try {
      read_calibration(folder_);
      FAIL() << "accepted: " << bytes;
    } catch (const CheckpointError& error) {
      EXPECT_THAT(error.what(), HasSubstr("calibration.json"));
      EXPECT_THAT(error.what(), HasSubstr("--fit-temperature"));
    }
  }
}

TEST_F(DetailsTest, FilesHoldThemAndGiveThemBack) {
  EvaluationResult result = too_sure();
  add_intervals(result, 1);
  scale_by_temperature(result, 2);
  write_file_atomic(folder_ / "description.json", R"({"data_sha256": "feed"})");
  write_evaluation(result, folder_);
  const auto json = nlohmann::json::parse(read_file(folder_ / "eval" / "dev.json"));
  for (const char* name :
       {"accuracy", "f1_macro", "f1_weighted", "precision_macro", "precision_weighted", "recall_macro", "recall_weighted", "mcc", "ece"}) {
    const auto& pair = json.at(std::string("eval_") + name + "_ci95");
    EXPECT_LE(pair[0].get<double>(), json.at(std::string("eval_") + name).get<double>() + 1e-12) << name;
    EXPECT_GE(pair[1].get<double>(), json.at(std::string("eval_") + name).get<double>() - 1e-12) << name;
    EXPECT_LT(pair[0].get<double>(), pair[1].get<double>()) << name;
  }
  EXPECT_EQ(json.at("eval_accuracy_ci95"), nlohmann::json::array({json.at("eval_accuracy_low"), json.at("eval_accuracy_high")}));
  EXPECT_EQ(json.at("data"), "forty");
  EXPECT_EQ(json.at("data_sha256"), "feed");
  EXPECT_EQ(json.at("temperature"), 2);
  EXPECT_EQ(json.at("classes")[1].at("f1_ci95").size(), 2U);
  EXPECT_NEAR(json.at("eval_mcc").get<double>(), .4, 1e-12);   // both classes 20 times said, 14 right each: (28 * 40 - 800) / 800
  EXPECT_NEAR(json.at("eval_aurc").get<double>(), .3, 1e-12);  // one confidence: every post is answered or none
  const EvaluationResult read = read_evaluation(folder_, "dev");
  EXPECT_EQ(read.temperature, 2);
  EXPECT_EQ(read.scores.mcc, result.scores.mcc);
  EXPECT_EQ(read.intervals->classes[0].recall.high, result.intervals->classes[0].recall.high);
  EXPECT_EQ(read.slices.size(), result.slices.size());
  EXPECT_EQ(read.slices.back().name, "none");
  write_evaluation(too_sure(), folder_);
  EXPECT_FALSE(read_evaluation(folder_, "dev").intervals.has_value());  // as files of before
}

TEST(Slices, CountAndScoreTheirPosts) {
  const EvaluationResult result = too_sure();
  ASSERT_EQ(result.slices.size(), 6U);
  const auto check = [&](size_t i, const char* group, const char* name, int64_t count, double accuracy) {
    EXPECT_EQ(result.slices[i].group, group);
    EXPECT_EQ(result.slices[i].name, name);
    EXPECT_EQ(result.slices[i].count, count);
    EXPECT_NEAR(result.slices[i].accuracy, accuracy, 1e-12);
    const Interval interval = wilson_interval(std::llround(accuracy * static_cast<double>(count)), count);
    EXPECT_EQ(result.slices[i].accuracy_low, interval.low);
    EXPECT_EQ(result.slices[i].accuracy_high, interval.high);
  };
  check(0, "text_length", "1-40", 10, 1);
  check(1, "text_length", "41-80", 30, 18 / 30.);
  check(2, "parts", "picture and text", 35, 23 / 35.);
  check(3, "parts", "text alone", 5, 1);
  check(4, "script", "Latin", 30, 28 / 30.);
  check(5, "script", "none", 10, 0);
  EXPECT_EQ(result.slices[5].f1_macro, 0);
  EXPECT_THROW(score_slices(result.predictions, {}, 2), ShapeError);
}

TEST(Slices, FactsOfPosts) {
  const auto post = [](const char* text, const char* image) {
    Post one;
    one.text = text;
    one.image = image;
    return one;
  };
  const PostFacts whole = facts_of(post("\u0414\u0430!", "a.jpg"), true);
  EXPECT_EQ(whole.characters, 3);
  EXPECT_EQ(whole.script, "Cyrillic");
  EXPECT_TRUE(whole.picture && whole.text);
  EXPECT_FALSE(facts_of(post("x", "a.jpg"), false).picture);
  EXPECT_FALSE(facts_of(post("x", ""), true).picture);
  EXPECT_FALSE(facts_of(post("", "a.jpg"), true).text);
}

TEST_F(DetailsTest, LeaksAreCounted) {
  EXPECT_TRUE(read_leak_counts(folder_).empty());
  write_file_atomic(folder_ / "leaks.csv",
                    "kind,split,id,label,other_split,other_id,other_label,similarity\n"
                    "text,test,\"a,1\",pos,train,b,pos,1.0000\ntext,test,c,pos,train,d,neg,1.0000\npicture,test,c,pos,dev,e,pos,1.0000\n");
  const auto lines = read_leak_counts(folder_);
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0].kind, "text");
  EXPECT_EQ(lines[0].other, "train");
  EXPECT_EQ(lines[0].posts, 2);
  EXPECT_EQ(lines[0].other_label, 1);
  EXPECT_EQ(lines[1].other, "dev");
  write_file_atomic(folder_ / "leaks.csv", "kind,split\ntext,test\n");
  EXPECT_THROW(read_leak_counts(folder_), DataError);
  write_file_atomic(folder_ / "leaks.csv", "kind,split,label,other_split,other_label\ntext,test\n");
  EXPECT_THROW(read_leak_counts(folder_), DataError);
}

TEST_F(DetailsTest, ModelCardSaysWhatWasRun) {
  const auto run = folder_ / "seed-7";
  std::filesystem::create_directories(folder_ / "seed-3");
  write_file_atomic(folder_ / "seed-3" / "description.json", "{}");
  std::filesystem::create_directories(run);
  write_file_atomic(
      run / "description.json",
      R"({"version": "0.1.0", "command": "infig train\n# x", "host": "SECRET", "seed": 7, "data": "forty", "data_sha256": "feed"})");
  write_file_atomic(run / "config.yaml", "seed: 7\n");
  EvaluationResult result = too_sure();
  add_intervals(result, 1);
  write_evaluation(result, run);
  write_file_atomic(folder_ / "leaks.csv", "kind,split,label,other_split,other_label\ntext,test,pos,train,neg\n");
  DataSet data{.name = "forty", .folder = folder_, .labels = result.labels, .posts = {}, .sha256 = "feed"};
  for (const auto& one : result.predictions)
    data.posts.push_back({.id = one.id,
                          .text = "x",
                          .image = "",
                          .label = data.labels[static_cast<size_t>(one.label_id)],
                          .label_id = one.label_id,
                          .split = Split::kDev});
  EXPECT_TRUE(write_model_card(run, data));
  const std::string card = read_file(run / "model-card.md");
  EXPECT_THAT(card, HasSubstr("\n    infig train # x\n"));
  EXPECT_THAT(card, HasSubstr("One of 2 runs of the same config with the seeds 3, 7; this one has 7."));
  EXPECT_THAT(card, HasSubstr("| text | test | train | 1 | 1 |"));
  EXPECT_THAT(card, HasSubstr("SHA-256 of its posts `feed`"));
  const Interval wilson = wilson_interval(28, 40);
  EXPECT_THAT(card, HasSubstr(fmt::format("| accuracy | 0.7000 | {:.4f} to {:.4f} |", wilson.low, wilson.high)));
  EXPECT_THAT(card, HasSubstr(fmt::format("| weighted recall | 0.7000 | {:.4f} to {:.4f} |", wilson.low, wilson.high)));
  EXPECT_THAT(card, HasSubstr(fmt::format("| macro recall | 0.7000 | {:.4f} to {:.4f} |", result.intervals->recall_macro.low,
                                          result.intervals->recall_macro.high)));
  EXPECT_THAT(card, HasSubstr("This run was never evaluated on the test split of its data set, which has none."));
  EXPECT_THAT(card, HasSubstr("The split dev chose the checkpoint"));
  EXPECT_THAT(card, Not(HasSubstr("model-index")));
  EXPECT_THAT(card, Not(HasSubstr("SECRET")));

  std::filesystem::create_directories(run / "checkpoints" / "best");
  write_file_atomic(run / "checkpoints" / "best" / "model.safetensors", "");
  write_calibration(run, fit_calibration(result, "feed"));
  write_report(run, data, {.split = "dev"}, {});
  const std::string page = read_file(run / "report.html");
  EXPECT_THAT(reference::html_faults(page), ::testing::IsEmpty());
  for (const char* id : {"id=\"intervals\"", "id=\"slices\"", "id=\"temperature\"", "id=\"risk\""}) EXPECT_THAT(page, HasSubstr(id));
  EXPECT_THAT(page, HasSubstr("it takes the calibration error from 20.0\u00a0% to 0.0\u00a0%"));
}

TEST(RiskChart, CurveLandsWhereTheAxesSay) {
  // Drawing from 48 to 408 and from 208 up to 12; the highest tick is 20 %.
  const std::string svg = risk_chart({{.coverage = .5, .risk = 0, .confidence = .9}, {.coverage = 1, .risk = .2, .confidence = .6}});
  EXPECT_THAT(svg, HasSubstr("d=\"M228.0 208.0L408.0 12.0\""));
  EXPECT_THROW(risk_chart({}), ShapeError);
}

}  // namespace
}  // namespace infig
