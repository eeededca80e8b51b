#include "encoders/resnet.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "nn/initialize.h"
#include "reference/tensors.h"

namespace infig {
namespace {

ResNetOptions options_of(const nlohmann::json& settings) {
  return {.bottleneck = settings.at("bottleneck"),
          .layers = settings.at("layers"),
          .widths = settings.at("widths"),
          .stem_kernel = settings.at("stem_kernel"),
          .stem_stride = settings.at("stem_stride"),
          .stem_width = settings.at("stem_width"),
          .stem_pool = settings.at("stem_pool")};
}

class ResNetGolden : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    golden_ = reference::load_golden(std::string("encoders/resnet_") + GetParam());
    model_ = ResNet(options_of(golden_.settings));
    load_state_dict(*model_, golden_.under("weight."), GetParam());  // strict: the names are torchvision's
  }
  reference::Golden golden_;
  ResNet model_{nullptr};
};

TEST_P(ResNetGolden, EveryStageAgreesWithTransformers) {
  for (const bool evaluation_mode : {true, false}) {  // Module::train() decides nothing here
    model_->train(!evaluation_mode);
    const std::vector<at::Tensor> maps = model_->forward_all(golden_["pixel_values"], false);
    ASSERT_EQ(maps.size(), 5U);
    for (size_t k = 0; k < maps.size(); ++k) EXPECT_TRUE(reference::close(maps[k], golden_[fmt::format("map.{}", k)], 1e-5)) << k;
    EXPECT_TRUE(at::equal(model_->forward(golden_["pixel_values"], false), maps.back()));
    EXPECT_TRUE(maps.back().is_contiguous(at::MemoryFormat::ChannelsLast));
  }
  for (const auto& item : model_->named_buffers()) EXPECT_TRUE(at::equal(item.value(), golden_["weight." + item.key()])) << item.key();
}

TEST_P(ResNetGolden, EvaluationWithoutGradientsAgreesToo) {
  const at::NoGradGuard no_grad;
  const std::vector<at::Tensor> maps = model_->forward_all(golden_["pixel_values"], false);
  for (size_t k = 0; k < maps.size(); ++k) EXPECT_TRUE(reference::close(maps[k], golden_[fmt::format("map.{}", k)], 1e-5)) << k;
}

TEST_P(ResNetGolden, BatchStatisticsAgreeAndAreKept) {
  model_->eval();
  EXPECT_TRUE(reference::close(model_->forward(golden_["pixel_values"], true), golden_["batch_map"], 1e-4));
  for (const auto& item : model_->named_buffers()) {
    EXPECT_TRUE(reference::close(item.value(), golden_["after." + item.key()], 1e-5)) << item.key();
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, ResNetGolden, ::testing::Values("bottleneck", "basic", "small_stem"),
                         [](const auto& instance) { return std::string(instance.param); });

TEST(ResNet, GradientsAgreeWithTransformers) {
  const reference::Golden golden = reference::load_golden("encoders/resnet_bottleneck");
  ResNet model(options_of(golden.settings));
  load_state_dict(*model, golden.under("weight."), "golden");
  reference::expect_gradients(
      *model, golden, [&] { return (model->forward(golden["pixel_values"], false) * golden["factors"]).sum(); }, 2e-5);
}

TEST(ResNet, FiftyHasThePublishedNamesAndSize) {
  ResNet model{ResNetOptions{}};
  int64_t count = 0;
  for (const auto& item : model->named_parameters()) count += item.value().numel();
  EXPECT_EQ(count, 25557032 - 2048 * 1000 - 1000);  // resnet50 as published, without fc
  const TensorMap state = state_dict(*model);
  EXPECT_EQ(state.at("layer4.0.downsample.0.weight").sizes(), (std::vector<int64_t>{2048, 1024, 1, 1}));
  EXPECT_EQ(state.at("layer2.3.conv2.weight").sizes(), (std::vector<int64_t>{128, 128, 3, 3}));
  EXPECT_TRUE(state.contains("layer1.0.downsample.1.running_var"));
  EXPECT_FALSE(state.contains("layer1.1.downsample.0.weight"));
  EXPECT_EQ(state.at("bn1.num_batches_tracked").scalar_type(), at::kLong);
  const at::NoGradGuard no_grad;
  EXPECT_EQ(model->forward(at::zeros({1, 3, 224, 224}), false).sizes(), (std::vector<int64_t>{1, 2048, 7, 7}));
}

TEST(ResNet, FoldedWeightsFollowTheirParameters) {
  const reference::Golden golden = reference::load_golden("encoders/resnet_basic");
  ResNet model(options_of(golden.settings));
  const at::NoGradGuard no_grad;
  initialize_convolutions(*model, 5);
  EXPECT_FALSE(reference::close(model->forward(golden["pixel_values"], false), golden["map.4"], 1e-3));
  load_state_dict(*model, golden.under("weight."), "golden");
  EXPECT_TRUE(reference::close(model->forward(golden["pixel_values"], false), golden["map.4"], 1e-5));
  model->forward(golden["pixel_values"], true);  // moves the running statistics
  EXPECT_FALSE(reference::close(model->forward(golden["pixel_values"], false), golden["map.4"], 1e-3));
}

TEST(ResNet, RefusesWrongShapesAndOptions) {
  ResNet model(ResNetOptions{.bottleneck = false, .layers = {1, 1, 1, 1}, .widths = {4, 4, 4, 4}, .stem_width = 4});
  EXPECT_THROW(model->forward(at::zeros({1, 1, 32, 32}), false), ShapeError);
  EXPECT_THROW(model->forward(at::zeros({3, 32, 32}), false), ShapeError);
  EXPECT_THROW(model->forward(at::zeros({1, 3, 32, 32}, at::kByte), false), ShapeError);
  EXPECT_THROW(ResNet(ResNetOptions{.layers = {1, 1, 1}}), ConfigError);
  EXPECT_THROW(ResNet(ResNetOptions{.layers = {1, 0, 1, 1}}), ConfigError);
  EXPECT_THROW(ResNet(ResNetOptions{.stem_kernel = 4}), ConfigError);
  EXPECT_EQ((ResNetOptions{.bottleneck = false, .stem_stride = 1, .stem_pool = false}.stride()), 8);
  EXPECT_EQ(ResNetOptions{}.feature_size(), 2048);
}

}  // namespace
}  // namespace infig
