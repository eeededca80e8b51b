// Every model of the list through all that knows models: training, resuming, checkpoints, evaluation, prediction, number formats, ranks.
// One program, run alone and by mpirun; over several ranks the tests of one process are left to the run alone.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "any_model/models.h"
#include "core/error.h"
#include "core/files.h"
#include "evaluation/evaluate.h"
#include "model/inference.h"
#include "model/pretrained.h"
#include "tensor/archive.h"
#include "training/session.h"
#include "training/small_training.h"

namespace infig {
namespace {

using nlohmann::json;

class AnyModel : public TrainTest, public testing::WithParamInterface<std::string> {
 protected:
  void SetUp() override {
    TrainTest::SetUp();
    for (size_t i = 0; i < data_.posts.size(); ++i) data_.posts[i].attributes = {i % 2 == 0 ? "bright" : "dark", "thing"};
    // Ranks are processes: they share one run folder, whose place the first one knows.
    runs_ = Ranks::world().broadcast(static_cast<fs::path>(folder_).string());
  }

  TrainRequest asked(const std::string& run, const std::vector<std::string>& more = {}) const { return asked_of(GetParam(), run, more); }
  TrainRequest asked_of(const std::string& model, const std::string& run, const std::vector<std::string>& more = {}) const {
    std::vector<std::string> keys = {"model.name=" + model, "device=cpu",        "precision=fp32",
                                     "threads=1",           "train.epochs=3",    "optim.lr=1e-3",
                                     "train.batch_size=6",  "train.log_every=3", "train.report_to=none"};
    for (const auto& key : test::small_keys(model)) keys.push_back(key);
    keys.insert(keys.end(), more.begin(), more.end());
    TrainRequest made;
    made.run = runs_ / run;
    made.resume = true;
    made.config = load_run_config({.overrides = keys, .run = made.run, .models = &test::tried_models()});
    return made;
  }
  json metrics_of(const std::string& run) const {
    json lines = json::array();
    std::ifstream in(runs_ / run / "metrics.jsonl");
    for (std::string line; std::getline(in, line);) lines.push_back(json::parse(line));
    return lines;
  }
  // The last line about dev.
  json dev_of(const std::string& run) const {
    json last;
    for (const auto& line : metrics_of(run)) {
      if (line.contains("eval_loss")) last = line;
    }
    return last;
  }
  EvaluationResult evaluated(const std::string& run, Precision precision = Precision::kAuto) const {
    EvaluateOptions options;
    options.predictor = {.device = DeviceChoice::kCpu, .precision = precision, .models = &test::tried_models()};
    return evaluate(runs_ / run / "checkpoints" / "latest", data_, Split::kDev, options);
  }
  static void one_rank_alone() {
    if (Ranks::world().several()) GTEST_SKIP() << "one process is tried by the run without mpirun";
  }

  fs::path runs_;
};

INSTANTIATE_TEST_SUITE_P(Models, AnyModel, testing::ValuesIn([] {
                           std::vector<std::string> names;
                           for (const ModelKind& kind : test::tried_models()) names.emplace_back(kind.name);
                           return names;
                         }()),
                         [](const auto& tried) {
                           std::string name = tried.param;
                           std::erase_if(name, [](char c) { return c == '-'; });
                           return name;
                         });

TEST_P(AnyModel, ResumesBitForBit) {
  one_rank_alone();
  if (IsSkipped()) return;
  train(asked("whole"), data_);
  TrainRequest first = asked("cut");
  first.pause_after_epochs = 1;
  EXPECT_TRUE(train(first, data_).paused);
  train(asked("cut"), data_);
  for (const char* file : {"model.safetensors", "optimizer.safetensors", "trainer.safetensors", "config.json"}) {
    const fs::path latest = fs::path("checkpoints") / "latest" / file;
    EXPECT_EQ(sha256_file(runs_ / "whole" / latest), sha256_file(runs_ / "cut" / latest)) << file;
  }
  EXPECT_EQ(metrics_of("whole"), metrics_of("cut"));
  const json config = json::parse(read_file(runs_ / "whole" / "checkpoints" / "latest" / "config.json"));
  EXPECT_EQ(config.at("model_type"), GetParam());
  EXPECT_TRUE(config.contains(GetParam()));
}

TEST_P(AnyModel, LearnsWhatTheDataHolds) {
  one_rank_alone();
  if (IsSkipped()) return;
  train(asked("learns", {"train.epochs=60", "train.patience=0", "optim.lr=1e-2"}), data_);
  EXPECT_EQ(dev_of("learns").at("eval_accuracy"), 1.0) << "bright pictures and kind words are positive";
}

std::string run_of(const std::string& precision, const std::string& dtype, const std::string& features) {
  return fmt::format("{}-{}-{}", precision, dtype, features);
}

// docs/training.md, "Precision": the score of dev in training is what evaluate prints, to the last digit, in every number format, with
// features from the cache or computed anew.
TEST_P(AnyModel, EvaluateGivesTheScoresOfTraining) {
  one_rank_alone();
  if (IsSkipped()) return;
  for (const std::string precision : {"fp32", "bf16"}) {
    for (const std::string dtype : {"fp32", "fp16"}) {
      for (const std::string features : {"cache", "live"}) {
        const std::string run = run_of(precision, dtype, features);
        SCOPED_TRACE(run);
        train(asked(run, {"precision=" + precision, "data.feature_dtype=" + dtype, "data.features=" + features}), data_);
        const json dev = dev_of(run);
        // The machine may lack bf16: then the run's own format is asked for by name.
        const EvaluationResult result = evaluated(run, parse_precision(precision));
        EXPECT_EQ(dev.at("eval_loss").get<double>(), result.loss);
        EXPECT_EQ(dev.at("eval_accuracy").get<double>(), result.scores.accuracy);
        EXPECT_EQ(dev.at("eval_ece").get<double>(), result.scores.ece);
      }
      EXPECT_EQ(dev_of(run_of(precision, dtype, "cache")).at("eval_loss"), dev_of(run_of(precision, dtype, "live")).at("eval_loss"));
    }
  }
  EXPECT_NE(dev_of("fp32-fp32-cache").at("eval_loss"), dev_of("bf16-fp32-cache").at("eval_loss"));
}

// Weights, vocabulary and what was counted in the other run's data are that run's, whatever the posts of this one say.
TEST_P(AnyModel, StartsFromARunOnOtherPosts) {
  one_rank_alone();
  if (IsSkipped()) return;
  train(asked("first", {"train.epochs=1"}), data_);
  DataSet other = data_;
  for (Post& post : other.posts) post.text = post.label_id == 1 ? "quite another morning by the lake" : "no word is as before";
  const std::string from = "train.init_from=" + (runs_ / "first").string();
  {
    Session session(asked("unused", {from}).config, other, {.cache = folder_ / "cache"});
    const TensorMap stored = load_tensors(runs_ / "first" / "checkpoints" / "best" / "model.safetensors");
    const TensorMap mine = state_dict(session.model());
    ASSERT_EQ(mine.size(), stored.size());
    for (const auto& [name, tensor] : mine) EXPECT_TRUE(at::equal(tensor, stored.at(name))) << name;
  }
  train(asked("second", {from, "train.epochs=2"}), other);
  const auto description = json::parse(read_file(runs_ / "second" / "description.json"));
  EXPECT_TRUE(description.at("weights_sha256").contains("train.init_from"));
  EXPECT_TRUE(train(asked("second", {from, "train.epochs=2"}), other).already_finished);
}

TEST_P(AnyModel, PredictsPostsThatItNeverSaw) {
  one_rank_alone();
  if (IsSkipped()) return;
  train(asked("predicts"), data_);
  LoadedModel loaded = load_model(find_checkpoint(runs_ / "predicts"), test::tried_models());
  EXPECT_EQ(loaded.labels, data_.labels);
  std::vector<Post> posts(3);  // both sides, the picture alone, the text alone
  posts[0].text = "a lovely day at the sea";
  posts[2].text = "the storm took it all";
  posts[0].image = data_.posts[30].image;
  posts[1].image = data_.posts[31].image;
  const PostLoader loader(posts, loaded.model->inputs(loaded.tokenizer.get()), {.cache_mb = 0}, 0);
  const ScoredRows scored = score_rows(*loaded.model, loader, {0, 1, 2}, {});
  ASSERT_EQ(scored.probabilities.size(), 6U);
  for (size_t i = 0; i < 6; i += 2) EXPECT_NEAR(scored.probabilities[i] + scored.probabilities[i + 1], 1, 1e-12);
}

TEST_P(AnyModel, AnotherModelsRunIsRefusedByName) {
  one_rank_alone();
  if (IsSkipped()) return;
  TrainRequest started = asked("other");
  started.pause_after_epochs = 1;
  train(started, data_);
  for (const ModelKind& kind : test::tried_models()) {
    if (kind.name == GetParam()) continue;
    try {
      train(asked_of(kind.name, "other"), data_);
      FAIL() << "continued as " << kind.name;
    } catch (const ConfigError& problem) {
      EXPECT_THAT(problem.what(), testing::HasSubstr("model.name")) << kind.name;
    }
  }
  EXPECT_THROW(load_run_config({.overrides = {"model.name=infigg"}, .models = &test::tried_models()}), ConfigError);
}

TEST_P(AnyModel, SeveralRanksFollowOne) {
  Ranks& world = Ranks::world();
  const std::vector<std::string> keys = {"data.features=live", "train.epochs=2"};
  if (world.first()) train(asked("alone", keys), data_);
  world.barrier();
  if (!world.several()) return;
  TrainRequest together = asked("together", keys);
  together.ranks = &world;
  train(together, data_);
  world.barrier();
  const json one = metrics_of("alone"), all = metrics_of("together");
  world.barrier();  // the first rank deletes the folder behind the test
  ASSERT_EQ(one.size(), all.size());
  ASSERT_GT(one.size(), 2U);
  for (size_t i = 0; i < one.size(); ++i) {
    for (const char* key : {"loss", "loss_classification", "eval_loss"}) {
      ASSERT_EQ(one[i].contains(key), all[i].contains(key));
      if (!one[i].contains(key)) continue;
      EXPECT_NEAR(one[i][key].get<double>(), all[i][key].get<double>(), 1e-4) << key << " in line " << i;
    }
  }
}

}  // namespace
}  // namespace infig
