// The config, and a whole small run: the same bits twice, resumed bits, refusals.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "core/error.h"
#include "core/files.h"
#include "core/log.h"
#include "image/encode.h"
#include "model/infig_options.h"
#include "training/checkpoint.h"
#include "training/run_config.h"
#include "training/run_inputs.h"
#include "training/session.h"
#include "training/session_checks.h"
#include "training/small_training.h"
#include "training/trainer.h"

namespace infig {
namespace {

TEST(RunConfigTest, UnknownKeyNamesTheNearest) {
  try {
    load_run_config("", {"gam.quue_size=5"});
    FAIL();
  } catch (const ConfigError& problem) {
    EXPECT_NE(std::string(problem.what()).find("gam.queue_size"), std::string::npos) << problem.what();
    EXPECT_EQ(problem.exit_code(), 2);
  }
  EXPECT_THROW(load_run_config("", {"optim.lr=-1"}), ConfigError);
  EXPECT_THROW(load_run_config("", {"gam.momentum=often"}), ConfigError);
}

TEST(RunConfigTest, DefaultsAreMethodsTable) {
  const RunConfig c = load_run_config("", {});
  EXPECT_EQ(infig_options(c.model).gam.queue_size, 4096);
  EXPECT_DOUBLE_EQ(infig_options(c.model).gam.momentum, 0.995);
  EXPECT_DOUBLE_EQ(infig_options(c.model).gam.temperature, 0.07);
  EXPECT_FALSE(infig_options(c.model).gam.momentum_train_mode);
  EXPECT_EQ(infig_options(c.model).hfam.loss.top_j, 2);
  EXPECT_EQ(infig_options(c.model).hfam.layers, 3);
  EXPECT_DOUBLE_EQ(infig_options(c.model).loss.lambda_g, 0.3);
  EXPECT_DOUBLE_EQ(infig_options(c.model).loss.lambda_f, 0.2);
  EXPECT_EQ(infig_options(c.model).text.max_length, 128);
  EXPECT_EQ(infig_options(c.model).image.encoder.grid, 7);
  EXPECT_EQ(infig_options(c.model).fusion.layers, 3);
  EXPECT_TRUE(infig_options(c.model).gelu_logits);
  EXPECT_DOUBLE_EQ(c.optim.lr, 2e-5);
  EXPECT_DOUBLE_EQ(c.optim.clip, 1.0);
  EXPECT_EQ(c.train.batch_size, 64);
  EXPECT_TRUE(c.data.drop_last);
}

// reference.yaml of INFIG, reference-NAME.yaml of every other model.
TEST(RunConfigTest, ReferenceFilesAreUpToDate) {
  for (const ModelKind& kind : built_in_models()) {
    RunConfig config;
    config.model.choose(kind.name);
    const bool own = &kind == &built_in_models().front();
    const fs::path path = fs::path(INFIG_SOURCE_DIR) / "configs" / (own ? "reference.yaml" : fmt::format("reference-{}.yaml", kind.name));
    const std::string wanted = dump_run_config(config, true);
    if (std::getenv("INFIG_UPDATE") != nullptr) write_file_atomic(path, wanted);
    ASSERT_TRUE(fs::exists(path)) << path;
    EXPECT_EQ(read_file(path), wanted) << "run this test with INFIG_UPDATE=1 to write the file anew";
  }
}

// Every preset names keys that its model has.
TEST(RunConfigTest, PresetsOfEveryModelAreRead) {
  int64_t others = 0;
  for (const auto& entry : fs::directory_iterator(fs::path(INFIG_SOURCE_DIR) / "configs")) {
    RunConfig config;
    const std::string name = find_config_value(entry.path(), {}, "model.name").value_or("infig");
    config.model.choose(name);
    ConfigBinder binder;
    bind_options(binder, config);
    EXPECT_NO_THROW(read_config_file(binder, entry.path())) << entry.path();
    others += name == "infig" ? 0 : 1;
  }
  EXPECT_GE(others, 6);
}

TEST_F(TrainTest, WritesTheRunFolderAndTheSameBitsTwice) {
  const TrainOutcome one = train(request("one"), data_);
  EXPECT_EQ(one.steps, 12);  // 28 posts / 6 = 4 steps an epoch, the rest is dropped
  for (const char* file :
       {"config.yaml", "description.json", "metrics.jsonl", "timings.jsonl", "train.log", "checkpoints/latest/model.safetensors",
        "checkpoints/best/config.json", "checkpoints/latest/optimizer.safetensors", "checkpoints/latest/trainer.safetensors",
        "checkpoints/latest/trainer_state.json", "checkpoints/latest/spm.model"}) {
    EXPECT_TRUE(fs::exists(folder_ / "one" / file)) << file;
  }
  for (const auto& entry : fs::recursive_directory_iterator(folder_ / "one"))
    EXPECT_EQ(entry.path().string().find(".partial"), std::string::npos) << entry.path();
  train(request("two", {"data.workers=3", "data.cache_mb=0"}), data_);
  EXPECT_EQ(weights("one", "step-000012"), weights("two", "step-000012"));
  EXPECT_EQ(metrics("one"), metrics("two"));
  train(request("three", {"seed=2"}), data_);
  EXPECT_NE(weights("one", "step-000012"), weights("three", "step-000012"));
}

TEST_F(TrainTest, ResumesToTheSameBits) {
  const std::vector<std::string> all = {"train.save_every=1", "train.save_total_limit=20", "train.save_state_limit=20"};
  train(request("whole", all), data_);
  for (const int stop_at : {2, 4, 7}) {  // inside an epoch, at its end, inside the next
    const std::string name = "cut-" + std::to_string(stop_at);
    TrainRequest cut = request(name, all);
    // A run stopped after step n is a copy of the whole run's folder up to step n.
    fs::create_directories(folder_ / name / "checkpoints");
    for (const char* file : {"config.yaml", "description.json", "metrics.jsonl", "timings.jsonl"})
      fs::copy_file(folder_ / "whole" / file, folder_ / name / file);
    const std::string step = "step-00000" + std::to_string(stop_at);
    fs::copy(folder_ / "whole" / "checkpoints" / step, folder_ / name / "checkpoints" / step, fs::copy_options::recursive);
    fs::create_directory_symlink(step, folder_ / name / "checkpoints" / "latest");
    cut.resume = true;
    train(cut, data_);
    EXPECT_EQ(weights(name, "step-000012"), weights("whole", "step-000012")) << stop_at;
    EXPECT_EQ(metrics(name), metrics("whole")) << stop_at;
  }
}

// A sink of the log that sets the signal with the last message before the first step.
LogSink signal_before_the_first_step(std::atomic<int>& signal, int number) {
  return [&signal, number](LogLevel, const std::string& message) {
    if (message.find(" posts a step, ") != std::string::npos) signal = number;
  };
}

TEST_F(TrainTest, StopsOnRequestSavesAndContinues) {
  train(request("whole"), data_);
  std::atomic<int> signal{0};
  TrainRequest stopped = request("stopped");
  stopped.stop = &signal;
  stopped.resume = true;  // --resume latest on a folder that does not exist starts it
  try {
    const LogScope log(signal_before_the_first_step(signal, 2));
    train(stopped, data_);
    FAIL() << "the run did not stop";
  } catch (const Interrupted& stop) {
    EXPECT_EQ(stop.exit_code(), 130);
  }
  EXPECT_TRUE(fs::exists(folder_ / "stopped" / "checkpoints" / "latest" / "model.safetensors"));
  signal = 0;
  train(stopped, data_);
  EXPECT_EQ(weights("stopped", "step-000012"), weights("whole", "step-000012"));
  EXPECT_EQ(metrics("stopped"), metrics("whole"));
  EXPECT_TRUE(train(stopped, data_).already_finished);
}

TEST_F(TrainTest, Refusals) {
  train(request("run"), data_);
  EXPECT_THROW(train(request("run"), data_), ConfigError);  // there already
  TrainRequest other = request("run", {"optim.lr=5e-4"});
  other.resume = true;
  try {
    train(other, data_);
    FAIL();
  } catch (const ConfigError& problem) {
    EXPECT_NE(std::string(problem.what()).find("optim.lr"), std::string::npos) << problem.what();
  }
  DataSet changed = data_;
  changed.sha256 = "def";
  TrainRequest resumed = request("run");
  resumed.resume = true;
  EXPECT_THROW(train(resumed, changed), DataError);
  for (Post& post : data_.posts) post.split = Split::kDev;
  EXPECT_THROW(train(request("none", {"train.epochs=1"}), data_), DataError);
  EXPECT_FALSE(fs::exists(folder_ / "none"));
}

TEST_F(TrainTest, FewerPostsThanABatchAreOneSmallerBatch) {
  EXPECT_EQ(train(request("large", {"train.batch_size=64", "train.epochs=2"}), data_).steps, 2);
  train(request("exact", {"train.batch_size=28", "train.epochs=2"}), data_);
  EXPECT_EQ(weights("large", "step-000002"), weights("exact", "step-000002"));
  EXPECT_EQ(metrics("large"), metrics("exact"));
}

TEST_F(TrainTest, WithoutDevTheLastStepIsTheBestWhereverItStops) {
  std::erase_if(data_.posts, [](const Post& post) { return post.split == Split::kDev; });
  std::atomic<int> signal{15};
  TrainRequest stopped = request("stopped");
  stopped.stop = &signal;
  EXPECT_THROW(train(stopped, data_), Interrupted);  // while pictures are read: nothing was made, so nothing is kept
  EXPECT_FALSE(fs::exists(folder_ / "stopped"));
  stopped.own_resume = true;  // a run of a sweep, whose other runs are there
  try {
    train(stopped, data_);
    FAIL() << "the run did not stop";
  } catch (const Interrupted& stop) {
    EXPECT_EQ(stop.exit_code(), 143);
    EXPECT_THAT(stop.what(), testing::HasSubstr("the runs that are done are kept. Continue with the same command"));
    EXPECT_THAT(stop.what(), testing::Not(testing::HasSubstr("nothing was written")));
  }
  stopped.own_resume = false;
  signal = 0;
  {
    const LogScope log(signal_before_the_first_step(signal, 15));
    EXPECT_THROW(train(stopped, data_), Interrupted);
  }
  EXPECT_EQ(fs::read_symlink(folder_ / "stopped" / "checkpoints" / "best"), "step-000001");
  stopped.stop = nullptr;
  stopped.resume = true;
  const TrainOutcome outcome = train(stopped, data_);
  EXPECT_EQ(outcome.best_step, 12);
  EXPECT_TRUE(std::isnan(outcome.best_metric));
  const auto state = nlohmann::json::parse(read_file(folder_ / "stopped" / "checkpoints" / "best" / "trainer_state.json"));
  EXPECT_TRUE(state.at("best_metric").is_null());
}

TEST(FittingBatch, ByHand) {
  EXPECT_EQ(fitting_batch(98, 64, 1), 49);  // 2 x 49
  EXPECT_EQ(fitting_batch(100, 64, 1), 50);
  EXPECT_EQ(fitting_batch(127, 64, 1), 63);  // 2 x 63 leaves one; 3 x 42 one too
  EXPECT_EQ(fitting_batch(128, 64, 1), 64);
  EXPECT_EQ(fitting_batch(98, 64, 4), 48);  // 2 x 48 leaves two, 3 x 32 too, and the larger counts
}

std::map<std::string, at::Tensor> everything(Session& session) {
  std::map<std::string, at::Tensor> all;
  for (const auto& item : session.model().named_parameters()) all[item.key()] = item.value().detach().clone();
  for (const auto& item : session.model().named_buffers()) all["buffer." + item.key()] = item.value().detach().clone();
  for (const auto& [name, tensor] : session.optimizer().state()) all["optimizer." + name] = tensor.clone();
  for (const auto& [name, tensor] : session.objective().state()) {
    if (name.rfind("momentum.", 0) != 0) all["objective." + name] = tensor.clone();  // the twins follow the model before the loss is known
  }
  return all;
}

TEST_F(TrainTest, ASkippedStepLeavesNothingBehind) {
  Session session(request("unused", {"train.on_nan=skip"}).config, data_, {.cache = folder_ / "cache"});
  auto stream = session.loader().stream(session.epoch_batches(0), 0);
  EXPECT_FALSE(session.step(*stream.next(), 0, nullptr).skipped);
  Batch bad = *stream.next();
  bad.pixel_values = bad.pixel_values.clone();
  bad.pixel_values[1].fill_(std::nan(""));
  const auto before = everything(session);
  ASSERT_GT(before.size(), 100U);
  EXPECT_TRUE(session.step(bad, 1, nullptr).skipped);
  const auto after = everything(session);
  ASSERT_EQ(after.size(), before.size());
  for (const auto& [name, tensor] : before) EXPECT_TRUE(at::equal(tensor, after.at(name))) << name;
  const StepResult good = session.step(*stream.next(), 2, nullptr);
  EXPECT_FALSE(good.skipped);
  EXPECT_TRUE(std::isfinite(good.loss));
  for (int i = 0; i < 9; ++i) EXPECT_TRUE(session.step(bad, 3 + i, nullptr).skipped);
  EXPECT_THROW(session.step(bad, 12, nullptr), DataError);  // ten in a row
}

TEST_F(TrainTest, StartsFromAnotherRun) {
  train(request("first"), data_);
  const fs::path best = folder_ / "first" / "checkpoints" / "best" / "model.safetensors";
  Session session(request("unused", {"train.init_from=" + (folder_ / "first").string()}).config, data_, {.cache = folder_ / "cache"});
  const TensorMap stored = load_tensors(best);
  for (const auto& item : session.model().named_parameters()) EXPECT_TRUE(at::equal(item.value(), stored.at(item.key()))) << item.key();
  DataSet other = data_;
  other.labels = {"neg", "pos", "none"};
  Session three(request("unused", {"train.init_from=" + (folder_ / "first").string()}).config, other, {.cache = folder_ / "cache"});
  EXPECT_EQ(three.model().named_parameters()["head.classifier.weight"].size(0), 3);
  EXPECT_TRUE(at::equal(three.model().named_parameters()["head.dense.weight"], stored.at("head.dense.weight")));
  const RunConfig deeper = request("x", {"train.init_from=" + (folder_ / "first").string(), "fusion.num_hidden_layers=2"}).config;
  try {
    const Session refused(deeper, data_, {.cache = folder_ / "cache"});
    FAIL();
  } catch (const CheckpointError& problem) {
    EXPECT_NE(std::string(problem.what()).find("fusion.layer.1."), std::string::npos) << problem.what();
  }
  TrainRequest second = request("second", {"train.init_from=" + (folder_ / "first").string(), "train.epochs=1"});
  second.resume = true;
  train(second, data_);
  const auto description = nlohmann::json::parse(read_file(folder_ / "second" / "description.json"));
  EXPECT_EQ(description["weights_sha256"]["train.init_from"]["model.safetensors"], sha256_file(best));
  fs::remove_all(folder_ / "first");
  EXPECT_TRUE(train(second, data_).already_finished);
}

TEST_F(TrainTest, UsesPartOfEverySplit) {
  const DataSet part = limited(data_, 5, 1);
  EXPECT_EQ(part.rows_of(Split::kTrain).size(), 5U);
  EXPECT_EQ(part.rows_of(Split::kDev).size(), 5U);
  for (size_t i = 1; i < part.posts.size(); ++i) EXPECT_LT(std::stoi(part.posts[i - 1].id), std::stoi(part.posts[i].id));
  EXPECT_EQ(limited(data_, 100, 1).posts.size(), data_.posts.size());
  EXPECT_NE(limited(data_, 5, 2).posts[0].id + limited(data_, 5, 2).posts[1].id, part.posts[0].id + part.posts[1].id);
  const TrainOutcome outcome = train(request("limited", {"data.limit=13", "train.epochs=1"}), data_);
  EXPECT_EQ(outcome.steps, 2);  // 13 posts, 6 a batch
}

TEST_F(TrainTest, TheBestCheckpointIsOfTheMetricAskedFor) {
  const TrainOutcome by_loss = train(request("loss", {"train.best_metric=loss", "train.save_total_limit=5"}), data_);
  const auto state = nlohmann::json::parse(read_file(folder_ / "loss" / "checkpoints" / "latest" / "trainer_state.json"));
  double lowest = 1e9;
  int64_t step = -1;
  for (const auto& line : state["log_history"]) {
    if (line["eval_loss"].get<double>() < lowest) {
      lowest = line["eval_loss"];
      step = line["step"];
    }
  }
  EXPECT_EQ(by_loss.best_step, step);
  EXPECT_DOUBLE_EQ(by_loss.best_metric, lowest);
  EXPECT_EQ(fs::read_symlink(folder_ / "loss" / "checkpoints" / "best").string().find("step-"), 0U);
  EXPECT_THROW(request("x", {"train.best_metric=bleu"}), ConfigError);
}

TEST_F(TrainTest, BalancedEpochsHoldEveryClassEquallyOften) {
  for (auto& post : data_.posts) {
    if (post.label_id == 0 && std::stoi(post.id) > 10) post.split = Split::kTest;  // 14 of "pos", 5 of "neg" are left to train on
  }
  Session session(request("unused", {"data.sampler=balanced", "data.drop_last=false"}).config, data_, {.cache = folder_ / "cache"});
  std::array<int, 2> seen{};
  for (const auto& batch : session.epoch_batches(0)) {
    for (const int64_t row : batch) {
      const Post& post = data_.posts[static_cast<size_t>(row)];
      ASSERT_EQ(post.split, Split::kTrain);
      ++seen[static_cast<size_t>(post.label_id)];
    }
  }
  EXPECT_EQ(seen[0] + seen[1], 19);
  EXPECT_LE(std::abs(seen[0] - seen[1]), 1);
}

TEST_F(TrainTest, ANonFiniteLossNamesThePostsAndKeepsTheLastGoodCheckpoint) {
  // A rate this large drives the weights out of float's range within a few steps.
  try {
    train(request("nan", {"optim.lr=1e30", "optim.warmup=0", "optim.clip=0", "train.save_every=1"}), data_);
    FAIL() << "the run went on";
  } catch (const DataError& problem) {
    const std::string message = problem.what();
    EXPECT_NE(message.find("posts of the batch"), std::string::npos) << message;
    EXPECT_NE(message.find("step "), std::string::npos) << message;
  }
  EXPECT_TRUE(fs::exists(folder_ / "nan" / "checkpoints" / "latest" / "model.safetensors"));
}

TEST_F(TrainTest, KeepsAsManyCheckpointsAsAsked) {
  train(request("few", {"train.save_every=2", "train.save_total_limit=1"}), data_);
  int folders = 0;
  for (const auto& entry : fs::directory_iterator(folder_ / "few" / "checkpoints")) folders += entry.is_symlink() ? 0 : 1;
  EXPECT_LE(folders, 2);  // the last and the best
  EXPECT_TRUE(fs::exists(folder_ / "few" / "checkpoints" / "best" / "model.safetensors"));
}

}  // namespace
}  // namespace infig
