// What survives: broken checkpoints, the average of the weights.
#include "training/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/nn/modules/linear.h>

#include <cmath>
#include <filesystem>

#include "core/error.h"
#include "training/session.h"
#include "training/small_training.h"
#include "training/weight_average.h"

namespace infig {
namespace {

TEST(WeightAverage, ByHandAndExchangedBothWays) {
  torch::nn::Linear layer(torch::nn::LinearOptions(1, 1).bias(false));
  const at::NoGradGuard no_grad;
  layer->weight.fill_(1.0);
  WeightAverage average(*layer, 0.75);
  double expected = 1;
  for (const double weight : {3.0, -2.0, 8.0}) {
    layer->weight.fill_(weight);
    average.update();
    expected = 0.75 * expected + 0.25 * weight;
  }
  average.exchange();
  EXPECT_NEAR(layer->weight.item<double>(), expected, 1e-6);
  EXPECT_EQ(average.online().at("online.weight").item<double>(), 8.0);
  const TensorMap kept = {{"online.weight", average.online().at("online.weight").clone()}};
  average.exchange();
  EXPECT_EQ(layer->weight.item<double>(), 8.0);
  layer->weight.fill_(expected);
  WeightAverage other(*layer, 0.75);
  other.restore(kept, "test");
  EXPECT_EQ(layer->weight.item<double>(), 8.0);
  other.exchange();
  EXPECT_NEAR(layer->weight.item<double>(), expected, 1e-6);
  EXPECT_THROW(other.restore({}, "test"), CheckpointError);
  EXPECT_THROW(WeightAverage(*layer, 1.0), ConfigError);
}

class CheckpointTest : public TrainTest {
 protected:
  fs::path checkpoint(const std::string& run, const std::string& name) const { return folder_ / run / "checkpoints" / name; }
  // A run that was stopped after step `stop_at` of `whole`.
  TrainRequest cut(const std::string& name, const TrainRequest& whole, int64_t stop_at) const {
    TrainRequest made = whole;
    made.run = folder_ / name;
    made.resume = true;
    fs::create_directories(made.run / "checkpoints");
    for (const char* file : {"config.yaml", "description.json", "metrics.jsonl", "timings.jsonl"})
      fs::copy_file(whole.run / file, made.run / file);
    for (int64_t step = 1; step <= stop_at; ++step) {
      const std::string folder = "step-00000" + std::to_string(step);
      fs::copy(whole.run / "checkpoints" / folder, made.run / "checkpoints" / folder, fs::copy_options::recursive);
    }
    fs::create_directory_symlink("step-00000" + std::to_string(stop_at), made.run / "checkpoints" / "latest");
    return made;
  }
};

TEST_F(CheckpointTest, ABrokenNewestOneIsMovedAsideAndTheOneBeforeIsUsed) {
  const TrainRequest whole = request("whole", {"train.save_every=1", "train.save_total_limit=20", "train.save_state_limit=20"});
  train(whole, data_);
  const struct {
    const char* file;
    double kept;  // share of it; below 0: the file is gone
  } faults[] = {{"model.safetensors", .5},
                {"optimizer.safetensors", 0},
                {"trainer.safetensors", -1},
                {"trainer_state.json", .9},
                {"config.json", .1}};
  for (const auto& fault : faults) {
    const std::string name = std::string("broken-") + fault.file;
    TrainRequest resumed = cut(name, whole, 7);
    const fs::path file = checkpoint(name, "step-000007") / fault.file;
    if (fault.kept < 0) {
      fs::remove(file);
    } else {
      fs::resize_file(file, static_cast<uintmax_t>(static_cast<double>(fs::file_size(file)) * fault.kept));
    }
    train(resumed, data_);
    EXPECT_TRUE(fs::exists(checkpoint(name, "step-000007.broken"))) << fault.file;
    EXPECT_THAT(read_file(resumed.run / "train.log"), testing::HasSubstr(fault.file));
    EXPECT_EQ(weights(name, "step-000012"), weights("whole", "step-000012")) << fault.file;
    EXPECT_EQ(metrics(name), metrics("whole")) << fault.file;
    EXPECT_EQ(fs::read_symlink(checkpoint(name, "best")), fs::read_symlink(checkpoint("whole", "best")));
  }
  TrainRequest hopeless = cut("hopeless", whole, 2);
  for (const char* step : {"step-000001", "step-000002"}) fs::remove(checkpoint("hopeless", step) / "model.safetensors");
  EXPECT_THROW(train(hopeless, data_), CheckpointError);
}

TEST_F(CheckpointTest, TheAverageIsSavedEvaluatedAndResumed) {
  const TrainRequest whole =
      request("whole", {"train.ema_decay=0.6", "train.save_every=1", "train.save_total_limit=20", "train.save_state_limit=20"});
  train(whole, data_);
  train(request("plain", {"train.save_every=1", "train.save_total_limit=20", "train.save_state_limit=20"}), data_);
  // Training itself is not touched by the average: its weights are those of a run without one.
  const TensorMap plain = load_tensors(checkpoint("plain", "step-000003") / "model.safetensors");
  const TensorMap training = load_tensors(checkpoint("whole", "step-000003") / "trainer.safetensors");
  const TensorMap average = load_tensors(checkpoint("whole", "step-000003") / "model.safetensors");
  int64_t compared = 0;
  for (const auto& [name, tensor] : training) {
    if (name.rfind("online.", 0) != 0) continue;
    EXPECT_TRUE(at::equal(tensor, plain.at(name.substr(7)))) << name;
    ++compared;
  }
  EXPECT_GT(compared, 50);
  // Average of three steps: w0 .6^3 + .4 (.36 w1 + .6 w2 + w3).
  Session start(request("unused").config, data_, {.cache = folder_ / "cache"});
  const std::string head = "head.classifier.weight";
  at::Tensor expected = start.model().named_parameters()[head].detach() * (.6 * .6 * .6);
  for (int step = 1; step <= 3; ++step) {
    const auto tensors = load_tensors(checkpoint("plain", "step-00000" + std::to_string(step)) / "model.safetensors");
    expected = expected + tensors.at(head) * (.4 * std::pow(.6, 3 - step));
  }
  EXPECT_LT((average.at(head) - expected).abs().max().item<double>(), 1e-6);
  const TrainRequest resumed = cut("cut", whole, 5);
  train(resumed, data_);
  EXPECT_EQ(weights("cut", "step-000012"), weights("whole", "step-000012"));
  EXPECT_EQ(metrics("cut"), metrics("whole"));
}

}  // namespace
}  // namespace infig
