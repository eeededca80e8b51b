// Vision Transformers as transformers 5 and timm save them, and as image towers.
#include "encoders/vision_transformer.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"
#include "core/log.h"
#include "encoders/image_backbones.h"
#include "encoders/vision_tower.h"
#include "reference/temporary_folder.h"
#include "reference/tensors.h"

namespace infig {
namespace {

namespace fs = std::filesystem;

class PublishedVision : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    golden_ = reference::load_golden(std::string("encoders/") + GetParam());
    save();
    published_ = load_image_backbone(folder_.path());
  }
  void save() const {
    write_file_atomic(folder_.path() / "config.json", golden_.settings.dump());
    save_tensors(folder_.path() / "model.safetensors", golden_.under("weight."));
  }
  VisionTransformerImpl& network() { return dynamic_cast<VisionTransformerImpl&>(*published_.backbone); }
  // The hidden states, and after them the tokens behind the final LayerNorm, as the golden file has them.
  std::vector<at::Tensor> run() {
    std::vector<at::Tensor> states;
    if (golden_.tensors.contains("hidden_states.1")) states = network().hidden_states(golden_["pixel_values"]);
    states.push_back(network().features(golden_["pixel_values"], false));
    return states;
  }
  void expect_states() {
    const std::vector<at::Tensor> states = run();
    ASSERT_EQ(states.size(), golden_.under("hidden_states.").size());
    for (size_t k = 0; k < states.size(); ++k)
      EXPECT_TRUE(reference::close(states[k], golden_[fmt::format("hidden_states.{}", k)], 1e-5)) << k;
  }
  reference::TemporaryFolder folder_;
  reference::Golden golden_;
  PublishedBackbone published_;
};

TEST_P(PublishedVision, EveryHiddenStateAgreesWithTheOriginal) { expect_states(); }

TEST_P(PublishedVision, AgreesInInferenceModeToo) {
  const c10::InferenceMode inference;
  expect_states();
}

TEST_P(PublishedVision, GivesPatchesAndCls) {
  const at::Tensor features = network().features(golden_["pixel_values"], false);
  EXPECT_EQ(network().feature_size(), 12);
  EXPECT_EQ(network().stride(), 4);
  EXPECT_TRUE(at::equal(network().pooled(features), features.select(1, 0)));
  EXPECT_TRUE(at::equal(network().grid(features), features.slice(1, 1)));
  EXPECT_EQ(features.size(1), 10);  // CLS and 3 x 3 patches of 4 pixels
}

TEST_P(PublishedVision, OptionsSurviveConfigJson) {
  const nlohmann::json written = network().config();
  EXPECT_EQ(make_image_backbone(written)->config(), written);
  for (const auto& [key, value] : written.items()) {
    if (key == "hidden_act" || key == "architectures" || !golden_.settings.contains(key)) continue;
    EXPECT_EQ(golden_.settings[key], value) << key;
  }
}

TEST_P(PublishedVision, MissingUnexpectedAndMisshapedKeysAreListed) {
  TensorMap weights = golden_.under("weight.");
  const bool timm = golden_.settings.contains("architecture");
  const std::string list = timm                                                ? "blocks.1."
                           : weights.contains("encoder.layers.0.mlp.fc1.bias") ? "encoder.layers.1."
                                                                               : "encoder.layer.1.";
  const auto layer = weights.lower_bound(list);
  const std::string strange = list + "strange.weight";
  weights.erase(layer);
  weights[strange] = at::zeros({2});
  save_tensors(folder_.path() / "model.safetensors", weights);
  try {
    load_image_backbone(folder_.path());
    ADD_FAILURE() << "accepted";
  } catch (const CheckpointError& error) {
    EXPECT_NE(std::string(error.what()).find("missing"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find(strange), std::string::npos) << error.what();
  }
}

TEST_P(PublishedVision, WhatATrainingScriptPutBeforeTheNamesIsSaid) {
  const bool timm = golden_.settings.contains("architecture");
  const at::Tensor expected = run().back();
  for (const std::string script : {"module.", "model.", "module.net."}) {
    for (const std::string own : {"", "vit."}) {  // a library's own prefix may follow
      if (timm && !own.empty()) continue;
      TensorMap named;
      const std::string prefix = script + own;
      for (const auto& [name, tensor] : golden_.under("weight.")) named[prefix + name] = tensor;
      named["epoch"] = at::ones({1});
      save_tensors(folder_.path() / "model.safetensors", named);
      std::vector<std::string> said;
      const LogScope scope([&](LogLevel, const std::string& message) { said.push_back(message); });
      published_ = load_image_backbone(folder_.path());
      EXPECT_TRUE(at::equal(run().back(), expected)) << script << own;
      const auto says = [&](const std::string& line) {
        return line.find("model.safetensors: the weights are read under the prefix '" + script + "'") != std::string::npos &&
               line.find("epoch") != std::string::npos;
      };
      EXPECT_TRUE(std::ranges::any_of(said, says)) << script << own;
    }
  }
}

// Any split into frozen lower layers and the tower's own gives the same as the whole.
TEST_P(PublishedVision, ATowerGivesTheSameHiddenStates) {
  const at::Tensor& pixels = golden_["pixel_values"];
  for (int64_t upper = 1; upper <= 2; ++upper) {
    VisionTower tower(VisionTowerOptions{.network = network().options(), .upper_layers = upper, .hidden_size = 12});
    tower->load_backbone(*published_.backbone, "golden");
    EXPECT_EQ(tower->first_layer(), 2 - upper);
    const std::vector<at::Tensor> states = tower->forward(tower->features(pixels, false), nullptr);
    ASSERT_EQ(std::ssize(states), upper + 1);
    EXPECT_TRUE(reference::close(states.back(), network().features(pixels, false), 1e-6));
    const at::Tensor raw = network().hidden_states(pixels)[static_cast<size_t>(tower->first_layer())];
    EXPECT_TRUE(at::equal(states[0].slice(1, 1), raw.slice(1, network().options().extra_tokens())));
    if (network().options().has_cls()) {
      EXPECT_TRUE(at::equal(states[0].select(1, 0), raw.select(1, 0)));
    }
    EXPECT_EQ(std::ssize(state_dict(*tower)), std::ssize(state_dict(*published_.backbone)));
  }
}

constexpr const char* kVisionModels[] = {"vit",
                                         "deit",
                                         "dinov2_resampled",
                                         "dinov2_gated",
                                         "dinov2_with_registers",
                                         "clip_vision_model",
                                         "siglip_vision_model",
                                         "timm_vit",
                                         "timm_deit_distilled",
                                         "timm_dinov2",
                                         "timm_clip",
                                         "timm_siglip"};
const auto kVisionName = [](const auto& instance) { return std::string(instance.param); };
INSTANTIATE_TEST_SUITE_P(Models, PublishedVision, ::testing::ValuesIn(kVisionModels), kVisionName);

class PublishedVisionGradient : public PublishedVision {};

TEST_P(PublishedVisionGradient, EveryAgreesWithTransformers) {
  const auto scalar = [&] {
    const std::vector<at::Tensor> states = run();
    at::Tensor sum = at::zeros({});
    for (size_t k = 0; k < states.size(); ++k) sum = sum + (states[k] * golden_[fmt::format("factors.{}", k)]).sum();
    return sum;
  };
  reference::expect_gradients(network(), golden_, scalar, 2e-5, {"key.bias", "k_proj.bias"});
}

INSTANTIATE_TEST_SUITE_P(Models, PublishedVisionGradient, ::testing::Values("vit", "dinov2_with_registers", "siglip_vision_model"),
                         kVisionName);

// CLIP and SigLIP as a whole: the image tower is taken out of it.
TEST(Vision, TakesTheImageTowerOutOfClip) {
  const reference::Golden golden = reference::load_golden("encoders/clip_vision_model");
  const reference::TemporaryFolder folder;
  TensorMap weights;
  for (const auto& [name, tensor] : golden.under("weight.")) weights["vision_model." + name] = tensor;
  for (const char* other : {"text_model.final_layer_norm.weight", "visual_projection.weight", "text_projection.weight", "logit_scale"})
    weights[other] = at::zeros({2});
  nlohmann::json vision = golden.settings;
  write_file_atomic(folder.path() / "config.json", nlohmann::json{{"model_type", "clip"}, {"vision_config", vision}}.dump());
  save_tensors(folder.path() / "model.safetensors", weights);
  const PublishedBackbone published = load_image_backbone(folder.path());
  EXPECT_TRUE(reference::close(published.backbone->features(golden["pixel_values"], false), golden["hidden_states.3"], 1e-5));
  EXPECT_EQ(published.backbone->config()["model_type"], "clip_vision_model");
}

VisionTransformerOptions tiny_vision() {
  return {.hidden_size = 8, .num_hidden_layers = 3, .num_attention_heads = 2, .intermediate_size = 12, .image_size = 8, .patch_size = 4};
}

TEST(VisionTower, LeadsToAnotherWidth) {
  VisionTower tower(VisionTowerOptions{.network = tiny_vision(), .upper_layers = 2, .hidden_size = 6});
  tower->initialize(3);
  tower->backbone()->initialize(3);
  const at::Tensor pixels = reference::wave({2, 3, 8, 8});
  const std::vector<at::Tensor> states = tower->forward(tower->features(pixels, false), nullptr);
  ASSERT_EQ(states.size(), 3U);
  for (const at::Tensor& state : states) EXPECT_EQ(state.sizes(), (at::IntArrayRef{2, 5, 6}));
  EXPECT_EQ(tower->hidden_size(), 6);
}

TEST(VisionTower, ATwinHasTheLayersWithoutTheBackbone) {
  VisionTower tower(VisionTowerOptions{.network = tiny_vision(), .upper_layers = 1, .hidden_size = 6});
  const auto twin = tower->make_twin();
  EXPECT_EQ(twin->backbone(), nullptr);
  const TensorMap all = state_dict(*tower), own = state_dict(*twin);
  for (const auto& item : own) EXPECT_TRUE(all.contains(item.first)) << item.first;
  size_t lower = 0;
  for (const auto& item : all) lower += item.first.starts_with("backbone.");
  EXPECT_EQ(own.size() + lower, all.size());
  EXPECT_EQ(state_dict(*tower->make_backbone_twin()).size(), lower);
}

TEST(VisionTower, KnowsTheLayerOfAParameter) {
  VisionTower tower(VisionTowerOptions{.network = tiny_vision(), .upper_layers = 1, .hidden_size = 8});
  EXPECT_EQ(tower->layer_of("backbone.embeddings.cls_token"), 0);
  EXPECT_EQ(tower->layer_of("backbone.encoder.layer.1.output.dense.weight"), 2);
  EXPECT_EQ(tower->layer_of("vision.encoder.layer.2.output.dense.weight"), 3);
  EXPECT_EQ(tower->layer_of("vision.layernorm.weight"), 3);
}

TEST(VisionTower, RefusesWhatDoesNotFit) {
  for (const int64_t upper : {0, 4}) {
    try {
      VisionTower tower(VisionTowerOptions{.network = tiny_vision(), .upper_layers = upper, .hidden_size = 8});
      ADD_FAILURE() << "accepted";
    } catch (const ConfigError& error) {
      EXPECT_NE(std::string(error.what()).find("image.num_hidden_layers"), std::string::npos) << error.what();
    }
  }
  VisionTower tower(VisionTowerOptions{.network = tiny_vision(), .upper_layers = 1, .hidden_size = 8});
  EXPECT_THROW(tower->forward(at::zeros({2, 8, 4, 4}), nullptr), ShapeError);
  EXPECT_THROW(tower->forward(at::zeros({2, 5, 9}), nullptr), ShapeError);
  EXPECT_THROW(tower->features(at::zeros({2, 3, 12, 12}), false), ShapeError);
}

TEST(VisionConfig, RefusesWhatIsNotSupported) {
  const std::vector<std::tuple<const char*, const char*, nlohmann::json>> faults = {
      {"vit", "hidden_act", "swiglu"},
      {"vit", "num_channels", 4},
      {"vit", "image_size", {12, 16}},
      {"vit", "patch_size", 13},
      {"vit", "num_attention_heads", 5},
      {"vit", "num_hidden_layers", 1'000'000'000'000},
      {"vit", "qkv_bias", "no"},
      {"vit", "quantization_config", {{"bits", 4}}},
      {"vit", "layer_norm_eps", 0.0},
      {"dinov2_gated", "mlp_ratio", 1e15},
      {"dinov2_with_registers", "num_register_tokens", -1},
      {"siglip_vision_model", "vision_use_head", false},
      {"siglip_vision_model", "model_type", "siglip2_vision_model"}};
  for (const auto& [model, key, value] : faults) {
    nlohmann::json config = reference::load_golden(std::string("encoders/") + model).settings;
    EXPECT_NO_THROW(image_backbone_options(config)) << model;
    config[key] = value;
    const std::string named = std::string(key) == "mlp_ratio" ? "intermediate_size" : key;
    try {
      image_backbone_options(config);
      ADD_FAILURE() << key << " was accepted";
    } catch (const ConfigError& error) {
      EXPECT_NE(std::string(error.what()).find(named), std::string::npos) << error.what();
    }
  }
}

TEST(VisionConfig, RefusesTimmsOtherNetworks) {
  const reference::Golden golden = reference::load_golden("encoders/timm_vit");
  const TensorMap weights = golden.under("weight.");
  EXPECT_NO_THROW(vision_options_from_timm(golden.settings, weights, "test"));
  const auto expect_refusal = [&](const nlohmann::json& config, const std::string& named) {
    try {
      vision_options_from_timm(config, weights, "test");
      ADD_FAILURE() << named << " was accepted";
    } catch (const ConfigError& error) {
      EXPECT_NE(std::string(error.what()).find(named), std::string::npos) << error.what();
    }
  };
  for (const char* other : {"vit_base_patch16_gap_224", "vit_base_patch16_rope_224", "deit3_small_patch16_224", "vit_giant_patch14_dinov2",
                            "vit_base_patch16_siglip_gap_224", "vit_relpos_base_patch16_224", "vit_base_patch16_xp_224"}) {
    nlohmann::json config = golden.settings;
    config["architecture"] = other;
    expect_refusal(config, other);
  }
  for (const auto& [key, value] : std::vector<std::pair<const char*, nlohmann::json>>{{"act_layer", "relu"},
                                                                                      {"global_pool", "avg"},
                                                                                      {"in_chans", 1},
                                                                                      {"class_token", false},
                                                                                      {"init_values", 1e-5},
                                                                                      {"pre_norm", true}}) {
    nlohmann::json config = golden.settings;
    config["model_args"][key] = value;
    expect_refusal(config, key);
  }
}

}  // namespace
}  // namespace infig
