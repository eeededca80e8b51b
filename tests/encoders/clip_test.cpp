#include "encoders/clip.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"
#include "reference/temporary_folder.h"
#include "reference/tensors.h"

namespace infig {
namespace {

namespace fs = std::filesystem;

class ClipFolder : public ::testing::Test {
 protected:
  static void expect_embeds(ClipModel model, const reference::Golden& golden) {
    for (const bool inference : {false, true}) {
      const c10::InferenceMode mode(inference);
      EXPECT_TRUE(reference::close(model->text_embeds(golden["input_ids"]), golden["text_embeds"], 1e-5)) << inference;
      EXPECT_TRUE(reference::close(model->image_embeds(golden["pixel_values"]), golden["image_embeds"], 1e-5)) << inference;
    }
  }
  reference::TemporaryFolder folder_;
  const fs::path& path_ = folder_.path();
};

TEST_F(ClipFolder, AgreesWithTransformers) {
  for (const std::string name : {"old_end", "end"}) {  // the two rules for the end of a text
    const reference::Golden golden = reference::load_golden("encoders/clip_" + name);
    write_file_atomic(path_ / "config.json", golden.settings.dump());
    save_tensors(path_ / "model.safetensors", golden.under("weight."));
    const PublishedClip clip = load_clip(path_);
    expect_embeds(clip.model, golden);
    EXPECT_EQ(clip.pixels.size, 12);
    EXPECT_EQ(clip.pixels.filter, Filter::kBicubic);
    for (const auto& parameter : clip.model->parameters()) EXPECT_FALSE(parameter.requires_grad());
    EXPECT_EQ(to_json(clip_options_from_json(to_json(clip.model->options()))), to_json(clip.model->options()));
  }
}

TEST_F(ClipFolder, AgreesWithTheOriginalNaming) {
  const reference::Golden golden = reference::load_golden("encoders/clip_openai");
  save_tensors(path_ / "ViT.safetensors", golden.under("weight."));
  expect_embeds(load_clip(path_ / "ViT.safetensors").model, golden);
  TensorMap broken = golden.under("weight.");
  broken["transformer.resblocks.0.attn.bias_k"] = at::zeros({2});
  save_tensors(path_ / "ViT.safetensors", broken);
  EXPECT_THROW(load_clip(path_ / "ViT.safetensors"), CheckpointError);
}

TEST_F(ClipFolder, OpenClipSaysItsActivation) {
  const reference::Golden golden = reference::load_golden("encoders/clip_openai");
  save_tensors(path_ / "model.safetensors", golden.under("weight."));
  write_file_atomic(path_ / "open_clip_config.json", R"({"model_cfg": {"embed_dim": 5}})");
  EXPECT_EQ(load_clip(path_).model->options().text.hidden_act, Activation::kGelu);
  write_file_atomic(path_ / "open_clip_config.json", R"({"model_cfg": {"embed_dim": 5, "quick_gelu": true}})");
  expect_embeds(load_clip(path_).model, golden);
  write_file_atomic(path_ / "open_clip_config.json", "[]");
  EXPECT_THROW(load_clip(path_), CheckpointError);
}

TEST(Clip, OldConfigsPutTheirSectionsInDicts) {
  const nlohmann::json json = {{"model_type", "clip"},
                               {"text_config", {{"hidden_size", 64}, {"num_attention_heads", 4}}},
                               {"text_config_dict", {{"hidden_size", 32}}},
                               {"vision_config", nullptr}};
  EXPECT_EQ(clip_options_from_json(json).text.hidden_size, 32);
  EXPECT_EQ(clip_options_from_json(json).vision.hidden_size, 768);
}

TEST(Clip, PublishedSizes) {
  const std::vector<std::pair<ClipVariant, int64_t>> published = {// parameters, as the models' cards count them
                                                                  {ClipVariant::kVitB32, 151277313},
                                                                  {ClipVariant::kVitB16, 149620737},
                                                                  {ClipVariant::kVitL14, 427616513}};
  for (const auto& [variant, expected] : published) {
    int64_t count = 1;  // logit_scale
    for (const auto& item : ClipModel(clip_options(variant))->named_parameters()) count += item.value().numel();
    EXPECT_EQ(count, expected);
    EXPECT_NO_THROW(check_variant(clip_options(variant), variant, "test"));
    EXPECT_NO_THROW(check_variant(clip_options(variant), ClipVariant::kAny, "test"));
  }
  EXPECT_THROW(check_variant(clip_options(ClipVariant::kVitB16), ClipVariant::kVitB32, "test"), ConfigError);
}

TEST(Clip, RefusesWhatDoesNotFit) {
  const reference::Golden golden = reference::load_golden("encoders/clip_end");
  ClipModel model(clip_options_from_json(golden.settings));
  EXPECT_THROW(model->image_embeds(at::zeros({1, 3, 8, 8})), ShapeError);
  EXPECT_THROW(model->text_embeds(at::zeros({1, 10}, at::kLong)), ShapeError);
  EXPECT_THROW(model->text_embeds(at::zeros({1, 4})), ShapeError);
  for (const auto& [key, value] : std::vector<std::pair<std::string, nlohmann::json>>{{"model_type", "siglip"},
                                                                                      {"projection_dim", 0},
                                                                                      {"text_config", 3},
                                                                                      {"vision_config", {{"patch_size", 31}}},
                                                                                      {"vision_config", {{"num_channels", 1}}},
                                                                                      {"text_config", {{"num_attention_heads", 7}}}}) {
    nlohmann::json json = golden.settings;
    json[key] = value;
    EXPECT_THROW(clip_options_from_json(json), ConfigError) << key;
  }
}

}  // namespace
}  // namespace infig
