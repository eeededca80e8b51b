// Optimizer and schedule by hand, the config, and a whole small run: the same bits twice, resumed bits, refusals.
#include <gtest/gtest.h>
#include <torch/nn/modules/linear.h>

#include <atomic>
#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "core/error.h"
#include "core/files.h"
#include "image/encode.h"
#include "training/checkpoint.h"
#include "training/optimizer.h"
#include "training/run_config.h"
#include "training/trainer.h"

namespace infig {
namespace {

namespace fs = std::filesystem;

TEST(Schedule, LinearByHand) {
  const OptimOptions options{.lr = 1.0, .warmup = 0.1};
  EXPECT_DOUBLE_EQ(scheduled_rate(options, 0, 100), 0.1);  // step 1 of 10 warm-up steps
  EXPECT_DOUBLE_EQ(scheduled_rate(options, 9, 100), 1.0);
  EXPECT_DOUBLE_EQ(scheduled_rate(options, 10, 100), 1.0);
  EXPECT_DOUBLE_EQ(scheduled_rate(options, 55, 100), 0.5);  // half of the 90 steps of decay
  EXPECT_NEAR(scheduled_rate(options, 99, 100), 1.0 / 90, 1e-12);
}

TEST(Schedule, CosineAndConstantByHand) {
  EXPECT_NEAR(scheduled_rate({.lr = 2.0, .schedule = Schedule::kCosine, .warmup = 0}, 50, 100), 1.0, 1e-12);
  EXPECT_DOUBLE_EQ(scheduled_rate({.lr = 2.0, .schedule = Schedule::kConstant, .warmup = 0}, 99, 100), 2.0);
}

// Adam as Kingma and Ba write it, in double.
struct NaiveAdam {
  double m = 0, v = 0;
  int64_t t = 0;
  double step(double x, double g, double lr, const OptimOptions& o) {
    ++t;
    if (o.name == OptimizerName::kAdam) g += o.weight_decay * x;
    if (o.name == OptimizerName::kAdamW) x -= lr * o.weight_decay * x;
    m = o.beta1 * m + (1 - o.beta1) * g;
    v = o.beta2 * v + (1 - o.beta2) * g * g;
    return x - lr * (m / (1 - std::pow(o.beta1, t))) / (std::sqrt(v / (1 - std::pow(o.beta2, t))) + o.eps);
  }
};

TEST(Optimizer, EqualsAdamWrittenOut) {
  for (const auto name : {OptimizerName::kAdam, OptimizerName::kAdamW}) {
    const OptimOptions options{.name = name, .weight_decay = 0.01, .clip = 0};
    torch::nn::Linear layer(1, 1);
    {
      const at::NoGradGuard no_grad;
      layer->weight.fill_(0.5);
      layer->bias.fill_(-0.25);
    }
    Optimizer optimizer(*layer, options);
    OptimOptions bias_options = options;
    bias_options.weight_decay = 0;  // biases are not decayed
    NaiveAdam weight_adam, bias_adam;
    double weight = 0.5, bias = -0.25;
    for (int step = 0; step < 20; ++step) {
      const double gw = std::sin(step + 1.0), gb = std::cos(3.0 * step);
      layer->weight.mutable_grad() = at::full({1, 1}, gw);
      layer->bias.mutable_grad() = at::full({1}, gb);
      optimizer.step(0.01);
      weight = weight_adam.step(weight, gw, 0.01, options);
      bias = bias_adam.step(bias, gb, 0.01, bias_options);
    }
    EXPECT_NEAR(layer->weight.item<double>(), weight, 1e-5);
    EXPECT_NEAR(layer->bias.item<double>(), bias, 1e-5);
  }
}

TEST(Optimizer, ClipsByTheGlobalNormAndRefusesNonFinite) {
  torch::nn::Linear layer(2, 1);
  Optimizer optimizer(*layer, {.clip = 1.0});
  layer->weight.mutable_grad() = at::full({1, 2}, 3.0);
  layer->bias.mutable_grad() = at::full({1}, 4.0 / std::sqrt(2.0));
  const double norm = std::sqrt(9.0 + 9.0 + 8.0);
  EXPECT_NEAR(optimizer.step(0.0), norm, 1e-5);
  EXPECT_NEAR((layer->weight.grad()[0][0].item<double>()), 3.0 / norm, 1e-5);  // scaled in place
  const at::Tensor before = layer->weight.detach().clone();
  layer->weight.mutable_grad() = at::full({1, 2}, std::nan(""));
  EXPECT_TRUE(std::isnan(optimizer.step(0.1)));
  EXPECT_TRUE(at::equal(layer->weight.detach(), before));
}

TEST(Optimizer, AStepRaisesVersionsSoThatPackedWeightsAreMadeAgain) {
  torch::nn::Linear layer(2, 1);
  Optimizer optimizer(*layer, {});
  layer->weight.mutable_grad() = at::ones({1, 2});
  const auto version = layer->weight._version();
  optimizer.step(0.1);
  EXPECT_GT(layer->weight._version(), version);
}

TEST(Optimizer, NewPartsHaveTheirOwnRate) {
  struct Both : torch::nn::Module {
    Both() {
      old = register_module("old", torch::nn::Linear(torch::nn::LinearOptions(1, 1).bias(false)));
      fresh = register_module("fresh", torch::nn::Linear(torch::nn::LinearOptions(1, 1).bias(false)));
      const at::NoGradGuard no_grad;
      old->weight.fill_(0.5);
      fresh->weight.fill_(0.5);
    }
    torch::nn::Linear old{nullptr}, fresh{nullptr};
  } model;
  const OptimOptions options{.lr = 0.01, .lr_new = 0.04, .clip = 0};
  Optimizer optimizer(model, options, {"old."});
  NaiveAdam old_adam, fresh_adam;
  double old_weight = 0.5, fresh_weight = 0.5;
  for (int step = 0; step < 20; ++step) {
    const double gradient = std::sin(step + 1.0), rate = 0.01 * step / 20;  // a schedule scales both
    model.old->weight.mutable_grad() = at::full({1, 1}, gradient);
    model.fresh->weight.mutable_grad() = at::full({1, 1}, gradient);
    optimizer.step(rate);
    old_weight = old_adam.step(old_weight, gradient, rate, options);
    fresh_weight = fresh_adam.step(fresh_weight, gradient, 4 * rate, options);
  }
  EXPECT_NEAR(model.old->weight.item<double>(), old_weight, 1e-6);
  EXPECT_NEAR(model.fresh->weight.item<double>(), fresh_weight, 1e-6);
}

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
  EXPECT_EQ(c.model.gam.queue_size, 4096);
  EXPECT_DOUBLE_EQ(c.model.gam.momentum, 0.995);
  EXPECT_DOUBLE_EQ(c.model.gam.temperature, 0.07);
  EXPECT_FALSE(c.model.gam.momentum_train_mode);
  EXPECT_EQ(c.model.hfam.loss.top_j, 2);
  EXPECT_EQ(c.model.hfam.layers, 3);
  EXPECT_DOUBLE_EQ(c.model.loss.lambda_g, 0.3);
  EXPECT_DOUBLE_EQ(c.model.loss.lambda_f, 0.2);
  EXPECT_EQ(c.model.text.max_length, 128);
  EXPECT_EQ(c.model.image.encoder.grid, 7);
  EXPECT_EQ(c.model.fusion.layers, 3);
  EXPECT_TRUE(c.model.gelu_logits);
  EXPECT_DOUBLE_EQ(c.optim.lr, 2e-5);
  EXPECT_DOUBLE_EQ(c.optim.clip, 1.0);
  EXPECT_EQ(c.train.batch_size, 64);
  EXPECT_TRUE(c.data.drop_last);
}

TEST(RunConfigTest, ReferenceFileIsUpToDate) {
  const fs::path path = fs::path(INFIG_SOURCE_DIR) / "configs" / "reference.yaml";
  const std::string wanted = dump_run_config(RunConfig(), true);
  if (std::getenv("INFIG_UPDATE") != nullptr) write_file_atomic(path, wanted);
  EXPECT_EQ(read_file(path), wanted) << "run this test with INFIG_UPDATE=1 to write the file anew";
}

class TrainTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "infig-train-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    data_.name = "toy";
    data_.folder = folder_;
    data_.labels = {"neg", "pos"};
    data_.sha256 = "abc";
    for (int i = 0; i < 40; ++i) {
      const bool positive = i % 2 == 0;
      const Image image = make_image(32, 32, positive ? 230 : 20, static_cast<uint8_t>(i * 5), 90);
      const fs::path path = folder_ / (std::to_string(i) + ".jpg");
      write_file_atomic(path, encode_jpeg(image, 90));
      data_.posts.push_back({.id = std::to_string(i),
                             .text = positive ? "a lovely day at the sea number " + std::to_string(i) : "the storm took it all",
                             .image = path,
                             .label = positive ? "pos" : "neg",
                             .label_id = positive ? 1 : 0,
                             .split = i < 28 ? Split::kTrain : Split::kDev});
    }
  }
  void TearDown() override { fs::remove_all(folder_); }

  TrainRequest request(const std::string& name, const std::vector<std::string>& more = {}) const {
    std::vector<std::string> overrides = {"device=cpu",
                                          "precision=fp32",
                                          "threads=1",
                                          "text.vocab_size=64",
                                          "text.hidden_size=16",
                                          "text.num_hidden_layers=3",
                                          "text.num_attention_heads=2",
                                          "text.intermediate_size=32",
                                          "text.position_buckets=8",
                                          "text.max_position_embeddings=64",
                                          "image.size=32",
                                          "image.resize=32",
                                          "image.augment=flip",
                                          "image.bottleneck=false",
                                          "image.stage_blocks=[1, 1, 1, 1]",
                                          "image.stage_widths=[4, 4, 8, 8]",
                                          "image.stem_width=4",
                                          "image.stem_pool=false",
                                          "image.finetune=true",
                                          "image.batch_norm_train=true",
                                          "image.num_hidden_layers=3",
                                          "image.num_attention_heads=2",
                                          "image.intermediate_size=32",
                                          "fusion.num_hidden_layers=1",
                                          "fusion.num_attention_heads=2",
                                          "fusion.intermediate_size=32",
                                          "optim.lr=1e-3",
                                          "train.epochs=3",
                                          "train.batch_size=6",
                                          "train.log_every=3",
                                          "gam.queue_size=10"};
    overrides.insert(overrides.end(), more.begin(), more.end());
    TrainRequest made;
    made.config = load_run_config("", overrides);
    made.run = folder_ / name;
    return made;
  }
  std::string weights(const std::string& run, const std::string& step) const {
    return sha256_file(folder_ / run / "checkpoints" / step / "model.safetensors");
  }
  std::string metrics(const std::string& run) const { return read_file(folder_ / run / "metrics.jsonl"); }

  fs::path folder_;
  DataSet data_;
};

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
  train(request("whole", {"train.save_every=1", "train.save_total_limit=20"}), data_);
  for (const int stop_at : {2, 4, 7}) {  // inside an epoch, at its end, inside the next
    const std::string name = "cut-" + std::to_string(stop_at);
    TrainRequest cut = request(name, {"train.save_every=1", "train.save_total_limit=20"});
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

TEST_F(TrainTest, StopsOnRequestSavesAndContinues) {
  train(request("whole"), data_);
  std::atomic<int> signal{2};
  TrainRequest stopped = request("stopped");
  stopped.stop = &signal;
  stopped.resume = true;  // --resume latest on a folder that does not exist starts it
  try {
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
  try {
    train(request("large", {"train.batch_size=64"}), data_);
    FAIL();
  } catch (const DataError& problem) {
    EXPECT_NE(std::string(problem.what()).find("28 posts"), std::string::npos) << problem.what();
  }
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
