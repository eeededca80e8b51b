#include "encoders/image_backbone.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"
#include "encoders/efficientnet_lite.h"
#include "encoders/resnet.h"
#include "reference/temporary_folder.h"
#include "reference/tensors.h"

namespace infig {
namespace {

namespace fs = std::filesystem;

class BackboneFolder : public ::testing::Test {
 protected:
  reference::TemporaryFolder folder_;
  const fs::path& path_ = folder_.path();
};

// A batch of posts of which none has a picture costs no pass, and has the shape that other batches have.
TEST(ImageBackbone, WhereNoPictureIsThereNothingIsComputed) {
  struct Counted : ResNetImpl {
    using ResNetImpl::ResNetImpl;
    at::Tensor features(const at::Tensor& pixel_values, bool batch_statistics, const StochasticDepth& depth) override {
      seen.push_back(pixel_values.size(0));
      return ResNetImpl::features(pixel_values, batch_statistics, depth);
    }
    std::vector<int64_t> seen;
  };
  Counted net(ResNetOptions{.bottleneck = false, .layers = {1, 1, 1, 1}, .widths = {16, 16, 16, 24}, .stem_kernel = 3, .stem_width = 16});
  net.initialize(1);
  const at::NoGradGuard no_grad;
  const at::Tensor pixels = at::rand({3, 3, 64, 64}), none = at::zeros({3}, at::kBool);
  const at::Tensor zeros = net.features_where(pixels, none);
  EXPECT_EQ(zeros.sizes(), at::IntArrayRef({3, 24, 2, 2}));
  EXPECT_EQ(zeros.abs().sum().item<double>(), 0);
  EXPECT_EQ(net.features_where(pixels.narrow(0, 0, 2), none.narrow(0, 0, 2)).sizes(), at::IntArrayRef({2, 24, 2, 2}));
  EXPECT_EQ(net.seen, std::vector<int64_t>({1}));  // for the shape alone
  EXPECT_EQ(net.features_where(at::rand({2, 3, 96, 96}), none.narrow(0, 0, 2)).sizes(), at::IntArrayRef({2, 24, 3, 3}));
  const at::Tensor some = net.features_where(pixels, at::tensor({0, 1, 0}).to(at::kBool));
  EXPECT_TRUE(reference::close(some, net.ResNetImpl::features(pixels, false, {}), 1e-6));
  EXPECT_EQ(net.seen, std::vector<int64_t>({1, 1, 3}));
}

// transformers' own naming and config.json, the way a user's folder has them.
TEST_F(BackboneFolder, ResNetOfTransformers) {
  for (const std::string name : {"bottleneck", "basic"}) {
    const reference::Golden golden = reference::load_golden("encoders/published_resnet_" + name);
    TensorMap weights;
    for (const auto& [key, tensor] : golden.under("weight.")) weights["resnet." + key] = tensor;
    weights["classifier.1.weight"] = at::zeros({3, 2});
    write_file_atomic(path_ / "config.json", golden.settings.dump());
    save_tensors(path_ / "model.safetensors", weights);
    const PublishedBackbone published = load_image_backbone(path_);
    for (const bool inference : {false, true}) {
      const c10::InferenceMode mode(inference);
      EXPECT_TRUE(reference::close(published.backbone->features(golden["pixel_values"], false), golden["map"], 1e-5)) << name;
    }
    EXPECT_EQ(published.backbone->feature_size(), golden["map"].size(1));
    EXPECT_EQ(published.backbone->stride(), name == "basic" ? 64 : 32);
    EXPECT_EQ(published.pixels.resize, 256);
    weights.erase("resnet.encoder.stages.0.layers.0.layer.0.convolution.weight");
    save_tensors(path_ / "model.safetensors", weights);
    EXPECT_THROW(load_image_backbone(path_), CheckpointError);
  }
}

TEST_F(BackboneFolder, DepthOfAFileComesFromItsKeys) {
  const ResNetOptions options = {.bottleneck = false, .layers = {2, 2, 2, 2}, .widths = {4, 6, 8, 10}, .stem_width = 4};
  ResNet model(options);
  model->initialize(5);
  TensorMap weights = state_dict(*model);
  weights["fc.weight"] = at::zeros({3, 10});
  weights["fc.bias"] = at::zeros({3});
  std::erase_if(weights, [](const auto& item) { return item.first.ends_with("num_batches_tracked"); });  // files before torch 0.4.1
  save_tensors(path_ / "resnet18.safetensors", weights);
  const PublishedBackbone published = load_image_backbone(path_ / "resnet18.safetensors");
  EXPECT_EQ(published.name, "resnet-18");
  const at::Tensor pixels = reference::wave({1, 3, 64, 64});
  EXPECT_TRUE(at::equal(published.backbone->features(pixels, false), model->forward(pixels, false)));
  EXPECT_EQ(published.pixels.filter, Filter::kBilinear);
}

TEST_F(BackboneFolder, PreprocessorConfigIsRead) {
  ResNet model(ResNetOptions{.bottleneck = false, .layers = {1, 1, 1, 1}, .widths = {4, 4, 4, 4}, .stem_width = 4});
  model->initialize(5);
  save_tensors(path_ / "model.safetensors", state_dict(*model));
  write_file_atomic(path_ / "preprocessor_config.json", R"({"image_processor_type": "CLIPImageProcessor", "size": 40, "crop_size": 32})");
  EXPECT_EQ(load_image_backbone(path_).pixels.size, 32);
}

// A folder that timm saved, a compiled one, one of DataParallel beside a tensor: names, pixels, crop.
TEST_F(BackboneFolder, FoldersAndFilesOfOthers) {
  ResNet model(ResNetOptions{.bottleneck = false, .layers = {2, 2, 2, 2}, .widths = {4, 4, 4, 4}, .stem_width = 4});
  model->initialize(5);
  const at::Tensor pixels = reference::wave({1, 3, 64, 64}), expected = model->forward(pixels, false);
  TensorMap weights = state_dict(*model);
  save_tensors(path_ / "model.safetensors", weights);
  write_file_atomic(path_ / "config.json",
                    R"({"architecture": "resnet18", "num_features": 4, "pretrained_cfg": {"input_size": [3, 288, 288],
      "interpolation": "bicubic", "crop_pct": 0.95, "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}})");
  const PublishedBackbone timm = load_image_backbone(path_);
  EXPECT_EQ(timm.pixels.size, 288);
  EXPECT_EQ(timm.pixels.resize, 303);
  EXPECT_EQ(timm.pixels.mean[0], 0.5);
  EXPECT_EQ(timm.pixels.crop_rounding, CropRounding::kEven);
  for (const std::string prefix : {"_orig_mod.", "module.", "model.backbone."}) {
    TensorMap named;
    for (const auto& [name, tensor] : weights) named[prefix + name] = tensor;
    named[prefix + "fc.weight"] = at::zeros({3, 4});
    named["n_averaged"] = at::zeros({});
    save_tensors(path_ / "other.safetensors", named);
    const PublishedBackbone other = load_image_backbone(path_ / "other.safetensors");
    EXPECT_TRUE(at::equal(other.backbone->features(pixels, false), expected)) << prefix;
    EXPECT_EQ(other.pixels.crop_rounding, CropRounding::kEven);
  }
}

TEST_F(BackboneFolder, RefusesWhatItDoesNotKnow) {
  save_tensors(path_ / "model.safetensors", {{"vgg.weight", at::zeros({2})}});
  EXPECT_THROW(load_image_backbone(path_), CheckpointError);
  fs::remove(path_ / "model.safetensors");
  EXPECT_THROW(load_image_backbone(path_), CheckpointError);
  for (const auto& [key, value] : std::vector<std::pair<std::string, nlohmann::json>>{
           {"layer_type", "wide"}, {"hidden_sizes", {6, 6, 6, 6}}, {"depths", {1, 1}}, {"num_channels", 1}, {"hidden_act", 3}}) {
    EXPECT_THROW(resnet_options_from_json({{"model_type", "resnet"}, {key, value}}), ConfigError) << key;
  }
}

TEST(EfficientNetLite, AgreesWithThePackage) {
  const reference::Golden golden = reference::load_golden("encoders/efficientnet_lite");
  EfficientNetLite model(
      EfficientNetLiteOptions{.width = golden.settings["width"], .depth = golden.settings["depth"], .fixed_ends = false});
  load_state_dict(*model, golden.under("weight."), "golden");  // strict: the names are the package's
  for (const bool gradient : {true, false}) {
    const at::AutoGradMode mode(gradient);
    for (const char* index : {"0", "1"}) {  // an even size and odd ones, where padding is uneven
      const at::Tensor expected = golden[std::string("grid.") + index];
      EXPECT_TRUE(reference::close(model->features(golden[std::string("pixel_values.") + index], false), expected, 1e-5))
          << index << gradient;
      EXPECT_GT(expected.eq(6).sum().item<int64_t>() + expected.eq(0).sum().item<int64_t>(), 0);
    }
  }
  // The file holds some of the gradients.
  for (const double scale : reference::kUpstreamScales) {
    model->zero_grad();
    (model->features(golden["pixel_values.0"], false) * golden["factors"] * scale).sum().backward();
    const TensorMap gradients = golden.under("grad.");
    ASSERT_FALSE(gradients.empty());
    for (const auto& [name, expected] : gradients) {
      EXPECT_TRUE(reference::close_to_norm(model->named_parameters()[name].grad() / scale, expected, 1e-4)) << name << " times " << scale;
    }
  }
}

// Parameters of the published models without their classifier: 4,652,008 (Lite0) - 1,281,000, and so on.
TEST(EfficientNetLite, VariantsHaveThePublishedSizesAndAreTold) {
  const std::vector<int64_t> published = {4652008, 5416680, 6092072, 8197096, 13006568};
  for (int64_t number = 0; number < 5; ++number) {
    EfficientNetLite model(efficientnet_lite(number));
    int64_t count = 0;
    for (const auto& item : model->named_parameters()) count += item.value().numel();
    EXPECT_EQ(count, published[static_cast<size_t>(number)] - 1281000) << number;
    EXPECT_EQ(efficientnet_lite_number(state_dict(*model), "file"), number);
  }
  EXPECT_THROW(efficientnet_lite(5), ConfigError);
  TensorMap cut = state_dict(*EfficientNetLite(efficientnet_lite(0)));
  cut.erase("_blocks.15._depthwise_conv.weight");
  EXPECT_THROW(efficientnet_lite_number(cut, "file"), CheckpointError);
}

TEST(EfficientNetLite, RefusesWrongShapesAndOptions) {
  EfficientNetLite model(EfficientNetLiteOptions{.width = 0.1, .depth = 0.3, .fixed_ends = false});
  EXPECT_THROW(model->features(at::zeros({1, 1, 32, 32}), false), ShapeError);
  EXPECT_THROW(EfficientNetLite(EfficientNetLiteOptions{.width = 0}), ConfigError);
  EXPECT_THROW(EfficientNetLite(EfficientNetLiteOptions{.depth = -1}), ConfigError);
  EXPECT_TRUE(at::allclose(pool_grid(at::ones({2, 3, 4, 5}) * 2), at::full({2, 3}, 2.0)));
}

}  // namespace
}  // namespace infig
