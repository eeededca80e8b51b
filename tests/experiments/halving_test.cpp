// Early dropping: who goes on, that nothing but the runs' own dev scores decides it, and that a survivor is the run it would have been.
#include "experiments/halving.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "core/error.h"
#include "experiments/plans.h"
#include "experiments/tables.h"
#include "reference/html_check.h"
#include "training/small_training.h"

namespace infig {
namespace {

using testing::HasSubstr;

TEST(Halving, RungsAndSurvivors) {
  EXPECT_EQ(rung_epochs({.eta = 3, .min_epochs = 1}, 20), (std::vector<int64_t>{1, 3, 9}));
  EXPECT_EQ(rung_epochs({.eta = 2, .min_epochs = 2}, 16), (std::vector<int64_t>{2, 4, 8}));
  EXPECT_TRUE(rung_epochs({.eta = 3, .min_epochs = 5}, 5).empty());
  EXPECT_EQ(survivors(10, 3), 3U);
  EXPECT_EQ(survivors(2, 3), 1U);
  EXPECT_EQ(best_of({{.5, 0}, {.7, .1}, {.7, .2}, {.6, 0}}, 2, false), (std::vector<size_t>{1, 2}));
  EXPECT_EQ(best_of({{.5, 0}, {.7, .1}, {.7, .2}, {.6, 0}}, 1, false), (std::vector<size_t>{2}));  // ties by weighted F1
  EXPECT_EQ(best_of({{.5, 0}, {.5, 0}, {.4, 0}}, 1, false), (std::vector<size_t>{0}));             // then by order
  EXPECT_EQ(best_of({{.5, 0}, {.7, 0}, {.4, 0}}, 2, true), (std::vector<size_t>{0, 2}));           // a loss
  EXPECT_THROW((HalvingOptions{.eta = 1}).validate(), ConfigError);
  EXPECT_THROW((HalvingOptions{.min_epochs = 0}).validate(), ConfigError);
}

TEST(Halving, WhatBrokeATieIsSaid) {
  EXPECT_EQ(tie_broken_by({{.5, 0}, {.7, .1}, {.6, .3}}, {1}), "");
  EXPECT_EQ(tie_broken_by({{.5, 0}, {.7, .1}, {.7, .2}}, {2}), "weighted_f1");
  EXPECT_EQ(tie_broken_by({{.5, .2}, {.5, .2}, {.4, 0}}, {0}), "order");
  EXPECT_EQ(tie_broken_by({{.5, .2}, {.5, .2}, {.4, 0}}, {0, 1}), "");  // both go on
  EXPECT_EQ(tie_words({.epochs = 1, .variants = {}, .scores = {}, .kept = {}, .tie = "order"}, "accuracy"),
            "After 1 epoch variants had the same accuracy and the same weighted F1: of these the ones named first continue.");
}

class HalvingTest : public TrainTest {
 protected:
  // Four variants, three epochs: rungs after one epoch and after two, four then two then one.
  ExperimentRequest sweep(const std::string& name) const {
    ExperimentRequest request;
    request.title = "Halving";
    request.overrides = overrides({"image.augment=none", "image.finetune=false", "image.batch_norm_train=false", "train.best_metric=loss"});
    request.variants = sweep_variants({parse_axis("optim.lr=1e-5,3e-3"), parse_axis("loss.lambda_g=0,0.3")}, 0, 1);
    request.seeds = {1};
    request.output = folder_ / name;
    request.evaluate.batch_size = 8;
    request.halving = HalvingOptions{.eta = 2, .min_epochs = 1};
    return request;
  }

  // eval_loss of the evaluation at each epoch's end, read here and not by the code under test.
  static std::map<double, double> dev_losses(const fs::path& run) {
    std::map<double, double> losses;
    std::istringstream lines(read_file(run / "metrics.jsonl"));
    for (std::string line; std::getline(lines, line);) {
      const auto json = nlohmann::json::parse(line);
      if (json.contains("eval_loss")) losses[json["epoch"].get<double>()] = json["eval_loss"].get<double>();
    }
    return losses;
  }
};

TEST_F(HalvingTest, BestUntilReadsNoFurther) {
  const fs::path run = folder_ / "by-hand";
  make_folder(run);
  write_file_atomic(run / "metrics.jsonl",
                    "{\"step\":4,\"epoch\":1.0,\"eval_accuracy\":0.5,\"eval_f1_weighted\":0.3,\"eval_loss\":0.9}\n"
                    "{\"step\":6,\"epoch\":1.5,\"loss\":0.1}\n"
                    "{\"step\":8,\"epoch\":2.0,\"eval_accuracy\":0.5,\"eval_f1_weighted\":0.4,\"eval_loss\":0.8}\n"
                    "{\"step\":12,\"epoch\":3.0,\"eval_accuracy\":0.9,\"eval_f1_weighted\":0.9,\"eval_loss\":0.95}\n");
  EXPECT_EQ(best_until(run, "accuracy", 1).f1_weighted, .3);
  EXPECT_EQ(best_until(run, "accuracy", 2).f1_weighted, .4);
  EXPECT_EQ(best_until(run, "accuracy", 2).value, .5);
  EXPECT_EQ(best_until(run, "accuracy", 3).value, .9);
  EXPECT_EQ(best_until(run, "loss", 3).value, .8);
  EXPECT_THROW(best_until(run, "mcc", 3), DataError);
  write_file_atomic(run / "metrics.jsonl", "{\"step\":12,\"epoch\":3.0,\"eval_accuracy\":0.9}\n");
  EXPECT_THROW(best_until(run, "accuracy", 2), DataError);
}

TEST_F(HalvingTest, DropsThePoorAndTrainsTheRestAsEver) {
  const ExperimentRequest request = sweep("first");
  const ExperimentScores scores = run_experiment(request, data_);
  ASSERT_EQ(scores.variants.size(), 4U);
  ASSERT_EQ(scores.halving->rungs.size(), 2U);

  // The decisions, worked out again from the files alone.
  std::vector<size_t> live = {0, 1, 2, 3};
  for (const auto& [epochs, keep] : std::vector<std::pair<int64_t, size_t>>{{1, 2}, {2, 1}}) {
    std::map<double, size_t> by_loss;
    for (const size_t v : live) {
      double best = 1e9;
      for (const auto& [epoch, loss] : dev_losses(request.output / request.variants[v].name / "seed-1"))
        best = epoch <= static_cast<double>(epochs) ? std::min(best, loss) : best;
      by_loss[best] = v;
    }
    ASSERT_EQ(by_loss.size(), live.size());
    std::vector<size_t> next;
    for (const auto& [loss, v] : by_loss) {
      if (next.size() < keep) {
        next.push_back(v);
      } else {
        EXPECT_EQ(scores.variants[v].dropped_after, epochs) << v;
        EXPECT_EQ(dev_losses(request.output / request.variants[v].name / "seed-1").size(), static_cast<size_t>(epochs));
        EXPECT_TRUE(fs::exists(request.output / request.variants[v].name / "seed-1/checkpoints/best/model.safetensors"));
        EXPECT_EQ(scores.variants[v].seeds.size(), 1U);
      }
    }
    live = next;
  }
  ASSERT_EQ(live.size(), 1U);
  EXPECT_EQ(scores.reference, live.front());
  EXPECT_EQ(scores.variants[live.front()].dropped_after, 0);

  // The survivor is, bit for bit, the run that nothing ever paused.
  std::vector<std::string> plain = {"image.augment=none", "image.finetune=false", "image.batch_norm_train=false", "train.best_metric=loss",
                                    "seed=1"};
  plain.insert(plain.end(), request.variants[live.front()].overrides.begin(), request.variants[live.front()].overrides.end());
  train(this->request("plain", plain), data_);
  const std::string survivor = "first/" + request.variants[live.front()].name + "/seed-1";
  EXPECT_EQ(weights(survivor, "latest"), weights("plain", "latest"));
  EXPECT_EQ(metrics(survivor), metrics("plain"));

  const std::string table = read_file(request.output / "table.md");
  EXPECT_THAT(table, HasSubstr("(dropped after 1 epoch)"));
  EXPECT_THAT(table, HasSubstr("(dropped after 2 epochs)"));
  EXPECT_THAT(table, HasSubstr("Halving by dev loss"));
  EXPECT_THAT(read_file(request.output / "table.csv"), HasSubstr(",dropped_after\n"));
  EXPECT_THAT(reference::html_faults(read_file(request.output / "report.html")), testing::IsEmpty());
  const auto json = nlohmann::json::parse(read_file(request.output / "experiment.json"));
  EXPECT_EQ(json["halving"]["rungs"][0]["variants"].size(), 4U);

  // Again: nothing is trained, nothing changes.
  const auto before = fs::last_write_time(folder_ / survivor / "checkpoints/latest/model.safetensors");
  run_experiment(request, data_);
  EXPECT_EQ(fs::last_write_time(folder_ / survivor / "checkpoints/latest/model.safetensors"), before);
  EXPECT_EQ(read_file(request.output / "table.md"), table);
}

TEST_F(HalvingTest, GoesOnAfterItWasKilledBetweenRungsAndInsideOne) {
  ExperimentRequest request = sweep("killed");
  request.on_update = [](const ExperimentScores&) { throw std::runtime_error("killed"); };
  EXPECT_THROW(run_experiment(request, data_), std::runtime_error);  // after the first rung
  request.on_update = nullptr;
  std::atomic<int> signal{15};
  request.stop = &signal;
  EXPECT_THROW(run_experiment(request, data_), Interrupted);  // a step into the second
  signal = 0;
  run_experiment(request, data_);
  ExperimentRequest whole = sweep("whole");
  run_experiment(whole, data_);
  EXPECT_EQ(read_file(request.output / "table.md"), read_file(whole.output / "table.md"));
  EXPECT_EQ(read_file(request.output / "table.csv"), read_file(whole.output / "table.csv"));
}

TEST_F(HalvingTest, Refusals) {
  ExperimentRequest request = sweep("bad");
  request.variants = sweep_variants({parse_axis("train.epochs=1,3")}, 0, 1);
  EXPECT_THROW(run_experiment(request, data_), ConfigError);
  request = sweep("bad");
  request.variants = sweep_variants({parse_axis("train.best_metric=loss,accuracy")}, 0, 1);
  request.overrides.pop_back();
  EXPECT_THROW(run_experiment(request, data_), ConfigError);
  request = sweep("bad");
  request.halving->eta = 1;
  EXPECT_THROW(run_experiment(request, data_), ConfigError);
  DataSet no_dev = data_;
  no_dev.posts.resize(28);
  EXPECT_THROW(run_experiment(sweep("bad"), no_dev), DataError);
  EXPECT_FALSE(fs::exists(folder_ / "bad"));
}

}  // namespace
}  // namespace infig
