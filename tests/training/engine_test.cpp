// What keeps a run whole: lock, leftovers, checkpoints of others; the loss scale; best checkpoints and their average; parts of a batch.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "core/error.h"
#include "core/files.h"
#include "model/infig_objective.h"
#include "model/infig_options.h"
#include "training/best.h"
#include "training/checkpoint.h"
#include "training/disk_plan.h"
#include "training/loss_scaler.h"
#include "training/run_folder.h"
#include "training/session.h"
#include "training/small_training.h"
#include "training/trainer.h"

namespace infig {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;

template <typename E, typename F>
std::string message_of(F&& work) {
  try {
    work();
  } catch (const E& problem) {
    return problem.what();
  }
  return "nothing was thrown";
}

TEST(LossScale, HalvesAtOverflowAndDoublesAfterARunOfGoodSteps) {
  LossScaler off(false);
  EXPECT_EQ(off.scale(), 1);
  EXPECT_FALSE(off.overflow());
  LossScaler on(true);
  EXPECT_EQ(on.scale(), 65536);
  EXPECT_TRUE(on.overflow());
  EXPECT_EQ(on.scale(), 32768);
  for (int i = 0; i < 1999; ++i) on.good_step();
  EXPECT_EQ(on.scale(), 32768);
  LossScaler resumed(true);
  resumed.restore(on.state());
  resumed.good_step();
  EXPECT_EQ(resumed.scale(), 65536);
  for (int i = 0; i < 16; ++i) EXPECT_TRUE(on.overflow() || i == 15) << i;
  EXPECT_EQ(on.scale(), 1);
  EXPECT_FALSE(on.overflow());
}

TEST(DiskPlan, ByHand) {
  const CheckpointSize size{.model = 100, .optimizer = 200, .training = 50};
  TrainOptions train;  // two besides the best, two with all of their files
  DiskPlan plan = plan_disk(size, train, 100);
  EXPECT_EQ(plan.most, 3 * 350 + 100);  // while the fourth is written: it and the two newest whole, the best as a model
  EXPECT_EQ(plan.at_end, 2 * 350 + 100);
  EXPECT_EQ(plan_disk(size, train, 1).most, 350);
  train.keep = Keep::kBest;
  EXPECT_EQ(plan_disk(size, train, 100).at_end, 100);
  train.average_best = 3;  // three of the best, and their mean
  plan = plan_disk(size, train, 100);
  EXPECT_EQ(plan.most, 3 * 350 + 3 * 100);
  EXPECT_EQ(plan.at_end, 200);
  train.epochs = 4;
  EXPECT_EQ(planned_saves(train, 1), 4);
  train.save_every = 3;
  EXPECT_EQ(planned_saves(train, 10), 4 + 13);
  train.save_every = 0;
  EXPECT_EQ(planned_saves(train, 10), 4);  // the end of the last epoch is the end of the run
  train.eval_every = 7;
  train.eval_epochs = false;
  EXPECT_EQ(planned_saves(train, 10), 5 + 1);  // steps 7, 14, 21, 28, 35, and 40
}

TEST(BestSteps, ByHand) {
  const auto line = [](int64_t step, double accuracy, double f1, double loss, double ece) {
    return json{{"step", step}, {"eval_accuracy", accuracy}, {"eval_f1_weighted", f1}, {"eval_loss", loss}, {"eval_ece", ece}};
  };
  const json history = {line(10, .5, .4, .9, .2), line(20, .7, .6, .8, .3), line(30, .7, .65, .7, .1), line(40, .5, .4, 1.2, .05)};
  EXPECT_EQ(best_steps(history, BestMetric::kAccuracy, 3), (std::vector<int64_t>{30, 20, 10}));
  EXPECT_EQ(best_steps(history, BestMetric::kLoss, 2), (std::vector<int64_t>{30, 20}));
  EXPECT_EQ(best_steps(history, BestMetric::kEce, 2), (std::vector<int64_t>{40, 30}));
  EXPECT_EQ(best_steps(history, BestMetric::kF1Weighted, 9).size(), 4U);
  EXPECT_TRUE(best_steps(json::array(), BestMetric::kLoss, 2).empty());
}

class EngineTest : public TrainTest {
 protected:
  fs::path step(const std::string& run, int64_t number) const { return folder_ / run / "checkpoints" / checkpoint_name(number); }
  TrainRequest resumed(const std::string& name, const std::vector<std::string>& more = {}) const {
    TrainRequest made = request(name, more);
    made.resume = true;
    return made;
  }
  // A run of three epochs of four steps, stopped after step `number`: the files that a kill would have left.
  void cut(const std::string& name, const std::string& whole, int64_t number) const {
    fs::copy(folder_ / whole, folder_ / name, fs::copy_options::recursive | fs::copy_options::copy_symlinks);
    for (int64_t later = number + 1; later <= 12; ++later) fs::remove_all(step(name, later));
    const fs::path latest = folder_ / name / "checkpoints" / "latest";
    fs::remove(latest);
    fs::create_directory_symlink(checkpoint_name(number), latest);
  }
};

TEST_F(EngineTest, TheAverageOfTheBestIsTheirMean) {
  train(request("run", {"train.average_best=3", "train.eval_every=2", "train.save_total_limit=1", "train.patience=0"}), data_);
  const fs::path average = folder_ / "run" / "checkpoints" / "average";
  const auto steps = json::parse(read_file(average / "average.json"))["steps"].get<std::vector<int64_t>>();
  ASSERT_EQ(steps.size(), 3U);
  // The same three from metrics.jsonl, and their mean.
  json history = json::array();
  std::istringstream lines(metrics("run"));
  for (std::string line; std::getline(lines, line);) {
    if (json::parse(line).contains("eval_accuracy")) history.push_back(json::parse(line));
  }
  ASSERT_EQ(history.size(), 6U);
  EXPECT_TRUE(history[0].contains("eval_mcc"));
  EXPECT_EQ(steps, best_steps(history, BestMetric::kAccuracy, 3));
  std::vector<TensorMap> parts;
  for (const int64_t number : steps) parts.push_back(load_tensors(step("run", number) / "model.safetensors"));
  const TensorMap mean = load_tensors(average / "model.safetensors");
  ASSERT_EQ(mean.size(), parts[0].size());
  for (const auto& [name, tensor] : mean) {
    if (!tensor.is_floating_point()) continue;
    const at::Tensor expected = (parts[0].at(name).to(at::kDouble) + parts[1].at(name) + parts[2].at(name)) / 3;
    EXPECT_LE((tensor - expected).abs().max().item<double>(), 1e-6 * std::max(1.0, expected.abs().max().item<double>())) << name;
  }
  EXPECT_EQ(load_model(average).labels, data_.labels);
  // A kill between the last checkpoint and the average: the next call makes it, in the same bytes.
  const std::string before = sha256_file(average / "model.safetensors");
  fs::remove_all(average);
  EXPECT_TRUE(train(resumed("run", {"train.average_best=3", "train.eval_every=2", "train.save_total_limit=1", "train.patience=0"}), data_)
                  .already_finished);
  EXPECT_EQ(sha256_file(average / "model.safetensors"), before);
}

TEST_F(EngineTest, EvaluatesEveryFewEpochs) {
  train(request("run", {"train.eval_every=2", "train.eval_unit=epochs", "train.best_metric=mcc"}), data_);
  std::vector<int64_t> at;
  std::istringstream lines(metrics("run"));
  for (std::string line; std::getline(lines, line);) {
    if (json::parse(line).contains("eval_mcc")) at.push_back(json::parse(line)["step"]);
  }
  EXPECT_EQ(at, (std::vector<int64_t>{8, 12}));  // after two epochs of four steps, and at the end
}

TEST_F(EngineTest, ARunInUseIsRefusedAndLeftAlone) {
  train(request("run", {"train.epochs=2"}), data_);
  const std::string before = metrics("run");
  {
    const RunLock lock(folder_ / "run");
    lock.sign();
    EXPECT_THAT(message_of<ResourceError>([&] { train(resumed("run", {"train.epochs=2"}), data_); }),
                AllOf(HasSubstr("another infig (process "), HasSubstr("run")));
  }
  EXPECT_EQ(metrics("run"), before);
  EXPECT_TRUE(train(resumed("run", {"train.epochs=2"}), data_).already_finished);
}

TEST_F(EngineTest, LeftoversOfAKilledProcessAreDeleted) {
  train(request("whole", {"train.save_every=1", "train.save_total_limit=20", "train.save_state_limit=20"}), data_);
  cut("run", "whole", 5);
  const fs::path checkpoints = folder_ / "run" / "checkpoints";
  fs::create_directories(checkpoints / "step-000006.partial-99-1");
  write_file_atomic(checkpoints / "step-000006.partial-99-1" / "model.safetensors", "half");
  fs::create_directory_symlink("step-000004", checkpoints / "best.partial");
  write_file_atomic(step("run", 5) / "trainer_state.json.partial-99-2", "{");
  write_file_atomic(folder_ / "run" / "metrics.jsonl.partial-99-3", "{");
  train(resumed("run", {"train.save_every=1", "train.save_total_limit=20", "train.save_state_limit=20"}), data_);
  for (const auto& entry : fs::recursive_directory_iterator(folder_ / "run"))
    EXPECT_EQ(entry.path().string().find(".partial"), std::string::npos) << entry.path();
  EXPECT_EQ(weights("run", "step-000012"), weights("whole", "step-000012"));
  EXPECT_EQ(metrics("run"), metrics("whole"));
}

TEST_F(EngineTest, ACheckpointOfAnotherFormatOrModelIsNamedAndKept) {
  train(request("whole", {"train.save_every=1", "train.save_total_limit=20", "train.save_state_limit=20"}), data_);
  cut("run", "whole", 5);
  json state = json::parse(read_file(step("run", 5) / "trainer_state.json"));
  EXPECT_EQ(state["format"], 1);
  state["format"] = 2;
  state["infig_version"] = "9.9";
  write_file_atomic(step("run", 5) / "trainer_state.json", state.dump());
  const TrainRequest again = resumed("run", {"train.save_every=1", "train.save_total_limit=20", "train.save_state_limit=20"});
  EXPECT_THAT(message_of<CheckpointError>([&] { train(again, data_); }),
              AllOf(HasSubstr("infig 9.9"), HasSubstr("format 2"), HasSubstr("step-000005")));
  EXPECT_TRUE(fs::exists(step("run", 5) / "model.safetensors"));
  // A folder of another run, moved here by hand.
  train(request("other", {"train.save_every=1", "train.save_total_limit=20", "train.save_state_limit=20", "fusion.intermediate_size=48"}),
        data_);
  fs::remove_all(step("run", 5));
  fs::copy(step("other", 5), step("run", 5), fs::copy_options::recursive);
  EXPECT_THAT(message_of<CheckpointError>([&] { train(again, data_); }),
              AllOf(HasSubstr("fusion.intermediate_size is 48"), HasSubstr("32"), HasSubstr("step-000005")));
  EXPECT_TRUE(fs::exists(step("run", 5) / "model.safetensors"));
}

TEST_F(EngineTest, ResumesToTheSameBitsWithEverythingOn) {
  const std::vector<std::string> settings = {"train.save_every=1",
                                             "train.save_total_limit=20",
                                             "train.save_state_limit=20",
                                             "train.micro_batch=4",
                                             "train.activation_checkpointing=true",
                                             "train.modality_dropout=.4",
                                             "train.ema_decay=.9",
                                             "gam.momentum_mode=train",
                                             "image.augment=rand",
                                             "image.batch_norm_train=false",
                                             "precision=fp16",
                                             "data.sampler=balanced"};
  train(request("whole", settings), data_);
  EXPECT_THAT(metrics("whole"), HasSubstr("loss_scale"));
  for (const int64_t number : {1, 6, 11}) {
    const std::string name = "cut-" + std::to_string(number);
    cut(name, "whole", number);
    train(resumed(name, settings), data_);
    for (const char* file : {"model.safetensors", "optimizer.safetensors", "trainer.safetensors", "trainer_state.json"})
      EXPECT_EQ(sha256_file(step(name, 12) / file), sha256_file(step("whole", 12) / file)) << file << " from " << number;
    EXPECT_EQ(metrics(name), metrics("whole"));
  }
}

TEST_F(EngineTest, AFloodOfOverflowsHalvesTheScaleAndUpdatesNothing) {
  Session session(request("unused", {"precision=fp16"}).config, data_, {.cache = folder_ / "cache"});
  session.scaler().restore({.scale = std::ldexp(1.0, 120), .good_steps = 0});
  auto stream = session.loader().stream(session.epoch_batches(0), 0);
  const Batch batch = *stream.next();
  const at::Tensor before = session.model().named_parameters()["head.classifier.weight"].detach().clone();
  const StepResult first = session.step(batch, 0, nullptr);
  EXPECT_TRUE(first.overflow);
  EXPECT_FALSE(first.skipped);
  EXPECT_TRUE(std::isfinite(first.loss));
  EXPECT_EQ(session.scaler().scale(), std::ldexp(1.0, 119));
  EXPECT_TRUE(at::equal(session.model().named_parameters()["head.classifier.weight"], before));
  EXPECT_EQ(dynamic_cast<InfigObjective&>(session.objective()).queue()->valid(), 0);
  session.scaler().restore({.scale = 1024, .good_steps = 0});
  EXPECT_FALSE(session.step(batch, 0, nullptr).overflow);
  EXPECT_FALSE(at::equal(session.model().named_parameters()["head.classifier.weight"], before));
}

TEST_F(EngineTest, PartsOfABatchTrainAsTheWholeDoes) {
  const std::vector<std::string> settings = {"image.batch_norm_train=false", "optim.name=sgd", "optim.lr=.05"};
  train(request("whole", settings), data_);
  std::vector<std::string> parts = settings;
  parts.insert(parts.end(), {"train.micro_batch=4", "train.activation_checkpointing=true"});
  train(request("parts", parts), data_);
  const TensorMap whole = load_tensors(step("whole", 12) / "model.safetensors"),
                  other = load_tensors(step("parts", 12) / "model.safetensors");
  ASSERT_EQ(whole.size(), other.size());
  for (const auto& [name, tensor] : whole)
    EXPECT_LE((tensor - other.at(name)).abs().max().item<double>(), 1e-4 * std::max(1.0, tensor.abs().max().item<double>())) << name;
  EXPECT_THAT(message_of<ConfigError>([&] { request("x", {"train.micro_batch=4"}); }), HasSubstr("batch_norm_train"));
}

TEST_F(EngineTest, ModalityDropoutHidesOneSideAtMost) {
  const RunConfig config = request("unused", {"train.modality_dropout=1", "image.batch_norm_train=false"}).config;
  EXPECT_TRUE(infig_options(config.model).fusion.null_tokens);
  Session session(config, data_, {.cache = folder_ / "cache"});
  auto stream = session.loader().stream(session.epoch_batches(0), 0);
  const StepResult result = session.step(*stream.next(), 0, nullptr);
  EXPECT_EQ(result.classification_count, 6);
  EXPECT_EQ(result.part("gam").count, 0);  // no post has both sides any more
  EXPECT_EQ(result.part("hfam").count, 0);
  Session half(request("unused", {"train.modality_dropout=.5", "train.batch_size=28", "image.batch_norm_train=false"}).config, data_,
               {.cache = folder_ / "cache"});
  auto all = half.loader().stream(half.epoch_batches(0), 0);
  const StepResult some = half.step(*all.next(), 0, nullptr);
  EXPECT_GT(some.part("gam").count, 4);  // of 28 posts 14 are expected, deviation 2.6
  EXPECT_LT(some.part("gam").count, 24);
  EXPECT_EQ(some.part("gam").count, some.part("hfam").count);
  EXPECT_THAT(message_of<ConfigError>([&] { request("x", {"train.modality_dropout=.5", "data.without=text"}); }),
              HasSubstr("data.without"));
}

}  // namespace
}  // namespace infig
