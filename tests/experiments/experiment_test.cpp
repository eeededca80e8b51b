// A small experiment as a whole: what it leaves, that nothing is done twice, that it goes on where it was stopped.
#include "experiments/experiment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "experiments/plans.h"
#include "experiments/tables.h"
#include "reference/html_check.h"
#include "training/small_training.h"

namespace infig {
namespace {

using testing::HasSubstr;

class ExperimentTest : public TrainTest {
 protected:
  ExperimentRequest experiment(const std::string& name) const {
    ExperimentRequest request;
    request.title = "Ablation & more";
    request.overrides = overrides({"train.epochs=1", "image.augment=none", "image.finetune=false", "image.batch_norm_train=false"});
    request.variants = {{.name = "full", .title = "INFIG", .overrides = {}},
                        {.name = "without-gam", .title = "w/o GAM", .overrides = {"loss.lambda_g=0"}}};
    request.seeds = {1, 5};
    request.output = folder_ / name;
    request.evaluate.batch_size = 8;
    return request;
  }
};

// A variant with marks beside one without, as each kind of table shows them.
TEST(ExperimentTables, MarksStandBesideTheScores) {
  const auto variant = [](const char* title, const std::vector<std::string>& marks) {
    VariantScores one;
    one.variant = {.name = title, .title = title, .overrides = {}};
    one.seeds = {{.seed = 1, .run = fs::path("out") / title / "seed-1", .accuracy = .5, .marks = marks}};
    one.accuracy = one.f1_macro = one.f1_weighted = summarize({.5}, {.low = 0, .high = 1});
    return one;
  };
  ExperimentScores scores{.title = "t", .data = "d", .split = "dev", .data_sha256 = "0", .posts = 4, .seeds = {1}, .variants = {}};
  scores.variants = {variant("plain", {}), variant("small", {"random vectors", "scene=surrogate"})};
  EXPECT_THAT(markdown_table(scores), HasSubstr("(95 % interval) | marks |\n|---|---:|---|---|---|---|---|\n"));
  EXPECT_THAT(markdown_table(scores), HasSubstr("| small | 1 | 0.5000 | 0.5000 | 0.5000 |  | random vectors, scene=surrogate |\n"));
  EXPECT_THAT(markdown_table(scores), HasSubstr("| plain | 1 | 0.5000 | 0.5000 | 0.5000 |  |  |\n"));
  EXPECT_THAT(csv_table(scores), HasSubstr(",mcc,marks\nplain,1,0.5,0,0,0,\nsmall,1,0.5,0,0,0,\"random vectors, scene=surrogate\"\n"));
  EXPECT_THAT(latex_table(scores), HasSubstr("{lcccl}"));
  EXPECT_THAT(latex_table(scores), HasSubstr("small & 50.00 & 50.00 & 50.00 & random vectors, scene=surrogate \\\\\n"));
  const std::string page = experiment_page(scores);
  EXPECT_THAT(page, HasSubstr("<td>random vectors, scene=surrogate</td>"));
  EXPECT_THAT(reference::html_faults(page), testing::IsEmpty());
  const reference::TemporaryFolder folder("tables");
  write_record(scores, folder.path());
  const auto json = nlohmann::json::parse(read_file(folder.path() / "experiment.json"));
  EXPECT_EQ(json["variants"][1]["runs"][0]["marks"], (std::vector<std::string>{"random vectors", "scene=surrogate"}));
  EXPECT_FALSE(json["variants"][0]["runs"][0].contains("marks"));
  scores.variants.pop_back();
  for (const std::string& text : {markdown_table(scores), csv_table(scores), latex_table(scores), experiment_page(scores)})
    EXPECT_EQ(text.find("arks"), std::string::npos) << text;
}

TEST_F(ExperimentTest, LeavesRunsAndTablesAndDoesNothingTwice) {
  const ExperimentRequest request = experiment("first");
  const ExperimentScores scores = run_experiment(request, data_);
  ASSERT_EQ(scores.variants.size(), 2U);
  EXPECT_EQ(scores.posts, 12);
  for (const auto& one : scores.variants) {
    ASSERT_EQ(one.seeds.size(), 2U);
    EXPECT_NEAR(one.accuracy.mean, (one.seeds[0].accuracy + one.seeds[1].accuracy) / 2, 1e-12);
    EXPECT_NEAR(one.accuracy.deviation, std::abs(one.seeds[0].accuracy - one.seeds[1].accuracy) / std::sqrt(2.0), 1e-12);
  }
  EXPECT_FALSE(scores.variants[0].against_first.has_value());
  ASSERT_TRUE(scores.variants[1].against_first.has_value());
  EXPECT_EQ(scores.variants[1].against_first->mcnemar.size(), 2U);
  EXPECT_FALSE(fs::exists(request.output / "full/seed-1/cache"));  // all runs share one
  EXPECT_TRUE(fs::exists(request.output / "cache"));
  const auto description = nlohmann::json::parse(read_file(request.output / "without-gam/seed-5/description.json"));
  EXPECT_EQ(description["seed"], 5);

  const auto json = nlohmann::json::parse(read_file(request.output / "experiment.json"));
  EXPECT_EQ(json["variants"][1]["runs"][1]["run"], "without-gam/seed-5");
  EXPECT_NEAR(json["variants"][0]["accuracy"]["mean"].get<double>(), scores.variants[0].accuracy.mean, 1e-12);
  const std::string csv = read_file(request.output / "table.csv");
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 5);
  EXPECT_THAT(read_file(request.output / "table.md"), HasSubstr("| w/o GAM | 2 | "));
  EXPECT_THAT(read_file(request.output / "table.tex"), HasSubstr("INFIG & "));
  const std::string page = read_file(request.output / "report.html");
  EXPECT_THAT(page, HasSubstr("Ablation &amp; more"));
  EXPECT_THAT(reference::html_faults(page), testing::IsEmpty());

  const auto before = fs::last_write_time(request.output / "full/seed-1/checkpoints/latest/model.safetensors");
  const auto scored = fs::last_write_time(request.output / "full/seed-1/eval/dev.json");
  const std::string table = read_file(request.output / "table.md");
  run_experiment(request, data_);
  EXPECT_EQ(fs::last_write_time(request.output / "full/seed-1/checkpoints/latest/model.safetensors"), before);
  EXPECT_EQ(fs::last_write_time(request.output / "full/seed-1/eval/dev.json"), scored);
  EXPECT_EQ(read_file(request.output / "table.md"), table);
}

TEST_F(ExperimentTest, GoesOnWhereItWasStopped) {
  std::atomic<int> signal{15};
  ExperimentRequest request = experiment("stopped");
  request.stop = &signal;
  EXPECT_THROW(run_experiment(request, data_), Interrupted);
  EXPECT_FALSE(fs::exists(request.output / "table.md"));
  signal = 0;
  const ExperimentScores scores = run_experiment(request, data_);
  const ExperimentScores whole = run_experiment(experiment("whole"), data_);
  for (size_t v = 0; v < 2; ++v) {
    for (size_t s = 0; s < 2; ++s) EXPECT_EQ(scores.variants[v].seeds[s].accuracy, whole.variants[v].seeds[s].accuracy);
  }
  EXPECT_EQ(read_file(request.output / "table.csv"), read_file(folder_ / "whole" / "table.csv"));
}

TEST_F(ExperimentTest, AFolderOfAnotherConfigIsLeftAlone) {
  ExperimentRequest request = experiment("mine");
  request.seeds = {1};
  run_experiment(request, data_);
  const std::string table = read_file(request.output / "table.md"), weights_then = weights("mine/full/seed-1", "latest");
  EXPECT_TRUE(fs::exists(request.output / "without-gam/seed-1/model-card.md"));
  request.overrides.emplace_back("optim.lr=5e-3");
  try {
    run_experiment(request, data_);
    FAIL() << "another config went on with the runs that are there";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), testing::AllOf(HasSubstr("full/seed-1/config.yaml"), HasSubstr("optim.lr"), HasSubstr("--output-dir")));
  }
  EXPECT_EQ(read_file(request.output / "table.md"), table);
  EXPECT_EQ(weights("mine/full/seed-1", "latest"), weights_then);
}

// What is refused is refused before anything is written or trained; more of the same goes on.
TEST_F(ExperimentTest, AFolderOfAnotherExperimentIsLeftAlone) {
  const auto refusal = [&](const ExperimentRequest& request, const DataSet& data) -> std::string {
    try {
      run_experiment(request, data);
    } catch (const ConfigError& error) {
      return error.what();
    }
    return "nothing thrown";
  };
  ExperimentRequest request = experiment("mine");
  request.seeds = {1};
  run_experiment(request, data_);
  const std::string table = read_file(request.output / "table.md");
  ExperimentRequest other = request;
  other.variants = {{.name = "optim.lr=1e-3", .title = "optim.lr=1e-3", .overrides = {"optim.lr=1e-3"}}};
  EXPECT_THAT(refusal(other, data_), testing::AllOf(HasSubstr("Ablation & more"), HasSubstr("leave out INFIG"), HasSubstr("--output-dir")));
  other = request;
  other.variants[1].overrides = {"loss.lambda_g=0.5"};
  EXPECT_THAT(refusal(other, data_), HasSubstr("its w/o GAM is loss.lambda_g=0, this one's loss.lambda_g=0.5"));
  other = request;
  other.seeds = {2, 3};
  EXPECT_THAT(refusal(other, data_), HasSubstr("its seeds are 1, and this one's (2,3) leave out 1"));
  DataSet posts = data_;
  posts.sha256 = std::string(64, 'e');
  EXPECT_THAT(refusal(request, posts), HasSubstr("its data set is"));
  other = request;
  other.output = request.output / "full/seed-1";
  EXPECT_THAT(refusal(other, data_), HasSubstr("is the folder of a single run"));
  EXPECT_EQ(read_file(request.output / "table.md"), table);

  other = request;
  other.split = "train";
  EXPECT_THROW(run_experiment(other, data_), ConfigError);
  // The same experiment scored on another split has tables of its own.
  DataSet tested = data_;
  for (auto& post : tested.posts) post.split = post.split == Split::kDev && post.id.back() % 2 == 0 ? Split::kTest : post.split;
  other = request;
  other.split = "test";
  other.output = folder_ / "two-splits";
  ExperimentRequest dev = other;
  dev.split = "dev";
  run_experiment(dev, tested);
  const std::string first = read_file(other.output / "table.md");
  EXPECT_EQ(run_experiment(other, tested).tables, other.output / "test");
  EXPECT_EQ(read_file(other.output / "table.md"), first);
  EXPECT_THAT(read_file(other.output / "test/table.md"), HasSubstr("split test"));
}

TEST_F(ExperimentTest, Refusals) {
  ExperimentRequest request = experiment("bad");
  request.seeds = {1, 1};
  EXPECT_THROW(run_experiment(request, data_), ConfigError);
  request = experiment("bad");
  request.split = "train";
  EXPECT_THROW(run_experiment(request, data_), ConfigError);
  request = experiment("bad");
  request.variants[1].name = "../x";
  EXPECT_THROW(run_experiment(request, data_), ConfigError);
  request = experiment("bad");
  request.variants[1].name = "full";
  EXPECT_THROW(run_experiment(request, data_), ConfigError);
  EXPECT_FALSE(fs::exists(folder_ / "bad"));
}

TEST(Tables, CellsAsPrinted) {
  EXPECT_EQ(score_cell(Summary()), "-");
  constexpr Interval kShare{.low = 0, .high = 1};
  EXPECT_EQ(score_cell(summarize({.75}, kShare)), "0.7500");
  EXPECT_EQ(score_cell(summarize({.2727, .6363}, kShare)), "0.4545 (the two: 0.2727, 0.6363)");
  EXPECT_EQ(score_cell(summarize({.70, .74, .72}, kShare)), "0.7200 \u00b1 0.0200 (0.6703 to 0.7697)");
}

}  // namespace
}  // namespace infig
