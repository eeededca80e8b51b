#include "encoders/clip.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
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

// The whole file, key by key: what it states is read, must agree with the weights, or is refused by name.
TEST_F(ClipFolder, OpenClipConfigIsReadWhole) {
  const reference::Golden golden = reference::load_golden("encoders/clip_openai");
  TensorMap weights = golden.under("weight.");
  save_tensors(path_ / "open_clip_model.safetensors", weights);
  const auto with = [&](const std::string& vision, const std::string& text = "", const std::string& top = "",
                        const std::string& pixels = "{}") {
    write_file_atomic(path_ / "open_clip_config.json", R"({"model_cfg": {"quick_gelu": true, "vision_cfg": {)" + vision +
                                                           R"(}, "text_cfg": {)" + text + "}" + top + R"(}, "preprocess_cfg": )" + pixels +
                                                           "}");
    return load_clip(path_);
  };
  const int64_t width = with("").model->options().vision.hidden_size, text_width = with("").model->options().text.hidden_size;
  EXPECT_EQ(with(fmt::format(R"("head_width": {})", width / 2)).model->options().vision.num_attention_heads, 2);
  EXPECT_EQ(with("", fmt::format(R"("heads": 2, "width": {})", text_width)).model->options().text.num_attention_heads, 2);
  EXPECT_EQ(with("", R"("heads": 1, "norm_kwargs": {"eps": 1e-3})").model->options().text.layer_norm_eps, 1e-3);
  EXPECT_EQ(with("", "", "", R"({"resize_mode": "squash", "mean": [0.5, 0.5, 0.5]})").pixels.resize_mode, ResizeMode::kSquash);
  EXPECT_EQ(with("").pixels.crop_rounding, CropRounding::kEven);
  EXPECT_EQ(with("").pixels.mean[0], 0.48145466);
  // The mean of the patches, before or behind the norm: by hand from the layers' output is what the class token is replaced by.
  const PublishedClip mean = with(R"("pool_type": "avg")"), after = with(R"("pool_type": "avg", "final_ln_after_pool": true)"),
                      token = with("");
  const at::Tensor pixels = golden["pixel_values"];
  EXPECT_FALSE(at::allclose(PublishedClip(mean).model->image_embeds(pixels), PublishedClip(token).model->image_embeds(pixels)));
  EXPECT_FALSE(at::allclose(PublishedClip(mean).model->image_embeds(pixels), PublishedClip(after).model->image_embeds(pixels)));
  for (const auto& [key, vision, text, top] :
       std::vector<std::array<std::string, 4>>{{"width", R"("width": 3)", "", ""},
                                               {"head_width", R"("head_width": 0)", "", ""},
                                               {"pool_type", R"("pool_type": "none")", "", ""},
                                               {"timm_model_name", R"("timm_model_name": "vit")", "", ""},
                                               {"attentional_pool", R"("attentional_pool": true)", "", ""},
                                               {"act_kwargs", R"("act_kwargs": {"slope": 1})", "", ""},
                                               {"context_length", "", R"("context_length": 3)", ""},
                                               {"pool_type", "", R"("pool_type": "last")", ""},
                                               {"no_causal_mask", "", R"("no_causal_mask": true)", ""},
                                               {"hf_tokenizer_name", "", R"("hf_tokenizer_name": "t5")", ""},
                                               {"multimodal_cfg", "", "", R"(, "multimodal_cfg": {"width": 1})"},
                                               {"embed_dim", "", "", R"(, "embed_dim": 7777)"}}) {
    try {
      with(vision, text, top);
      ADD_FAILURE() << key << " was accepted";
    } catch (const CheckpointError& error) {
      EXPECT_NE(std::string(error.what()).find(key), std::string::npos) << error.what();
      EXPECT_NE(std::string(error.what()).find("open_clip_config.json"), std::string::npos) << error.what();
    }
  }
  // CustomTextCLIP's names, behind DataParallel's.
  TensorMap custom;
  for (const auto& [name, tensor] : weights)
    custom["module." + std::string(name.starts_with("visual.") || name == "logit_scale" ? "" : "text.") + name] = tensor;
  save_tensors(path_ / "open_clip_model.safetensors", custom);
  expect_embeds(with("").model, golden);
}

TEST_F(ClipFolder, NestedProcessorConfigOfTransformers5) {
  const reference::Golden golden = reference::load_golden("encoders/clip_end");
  write_file_atomic(path_ / "config.json", golden.settings.dump());
  save_tensors(path_ / "model.safetensors", golden.under("weight."));
  EXPECT_EQ(load_clip(path_).pixels.crop_rounding, CropRounding::kDown);
  write_file_atomic(path_ / "processor_config.json",
                    R"({"image_processor": {"image_processor_type": "CLIPImageProcessor", "image_mean": [0.5, 0.5, 0.5],
      "size": {"shortest_edge": 14}, "crop_size": {"height": 12, "width": 12}}, "processor_class": "CLIPProcessor"})");
  EXPECT_EQ(load_clip(path_).pixels.mean[0], 0.5);
  EXPECT_EQ(load_clip(path_).pixels.resize, 14);
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
