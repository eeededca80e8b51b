#include "image/preprocessor.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"
#include "reference/temporary_folder.h"

namespace infig {
namespace {

ImageOptions parse(const std::string& json) { return parse_preprocessor(json, ImageOptions{}, "file"); }

// microsoft/resnet-50's file.
TEST(Preprocessor, ConvNextResizesToMoreThanItCrops) {
  const ImageOptions options = parse(
      R"({"crop_pct": 0.875, "do_normalize": true, "do_resize": true, "feature_extractor_type": "ConvNextFeatureExtractor",
          "image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225], "resample": 3, "size": 224})");
  EXPECT_EQ(options.resize, 256);
  EXPECT_EQ(options.size, 224);
  EXPECT_EQ(options.filter, Filter::kBicubic);
  EXPECT_EQ(options.mean, (std::vector<double>{0.485, 0.456, 0.406}));
  EXPECT_EQ(options.augment, Augment::kNone);
}

// openai/clip-vit-base-patch32's, in its old and in its new spelling.
TEST(Preprocessor, ClipCropsWhatItResized) {
  for (const std::string sizes :
       {R"("crop_size": 224, "size": 224)", R"("crop_size": {"height": 224, "width": 224}, "size": {"shortest_edge": 224})"}) {
    const ImageOptions options =
        parse(R"({"do_center_crop": true, "do_resize": true, "image_processor_type": "CLIPImageProcessor", "resample": 3,
        "do_rescale": true, "rescale_factor": 0.00392156862745098, "image_mean": [0.48145466, 0.4578275, 0.40821073],
        "image_std": [0.26862954, 0.26130258, 0.27577711], )" +
              sizes + "}");
    EXPECT_EQ(options.resize, 224);
    EXPECT_EQ(options.size, 224);
    EXPECT_EQ(options.std[2], 0.27577711);
  }
}

TEST(Preprocessor, OtherScalesBecomeMeanAndDeviation) {
  const ImageOptions plain = parse(R"({"do_normalize": false})");
  EXPECT_EQ(plain.mean, (std::vector<double>{0, 0, 0}));
  EXPECT_EQ(plain.std, (std::vector<double>{1, 1, 1}));
  // x / 127.5 - 1, as (x / 255 - 0.5) / 0.5
  const ImageOptions signed_pixels = parse(R"({"rescale_factor": 0.00784313725490196, "image_mean": [1, 1, 1], "image_std": [1, 1, 1]})");
  EXPECT_NEAR(signed_pixels.mean[0], 0.5, 1e-12);
  EXPECT_NEAR(signed_pixels.std[0], 0.5, 1e-12);
  // (x - 127) / 128
  const ImageOptions lite = parse(R"({"do_rescale": false, "image_mean": [127, 127, 127], "image_std": [128, 128, 128]})");
  EXPECT_NEAR(lite.mean[1], 127.0 / 255, 1e-12);
  EXPECT_NEAR(lite.std[1], 128.0 / 255, 1e-12);
}

TEST(Preprocessor, OwnOptionsWhereTheFileIsSilentOrAbsent) {
  ImageOptions own;
  own.resize = 300;
  own.size = 280;
  EXPECT_EQ(parse_preprocessor("{}", own, "file").resize, 300);
  EXPECT_EQ(read_preprocessor("/nonexistent", own).size, 280);
}

// What each processor of transformers 5.24 does where the file says nothing but its name (the class attributes of its Pillow back end).
TEST(Preprocessor, NamedProcessorsHaveTheirOwnDefaults) {
  const auto named = [](const std::string& type) { return parse(R"({"image_processor_type": ")" + type + "\"}"); };
  const ImageOptions vit = named("ViTImageProcessor");
  EXPECT_EQ(vit.resize_mode, ResizeMode::kSquash);
  EXPECT_EQ(vit.size, 224);
  EXPECT_EQ(vit.resize, 224);
  EXPECT_EQ(vit.filter, Filter::kBilinear);
  EXPECT_EQ(vit.mean, (std::vector<double>{0.5, 0.5, 0.5}));
  const ImageOptions deit = named("DeiTImageProcessorFast");
  EXPECT_EQ(deit.resize_mode, ResizeMode::kSquash);
  EXPECT_EQ(deit.resize, 256);
  EXPECT_EQ(deit.size, 224);
  EXPECT_EQ(deit.filter, Filter::kBicubic);
  const ImageOptions bit = named("BitImageProcessorPil");
  EXPECT_EQ(bit.resize_mode, ResizeMode::kShortest);
  EXPECT_EQ(bit.mean[0], 0.48145466);
  const ImageOptions mobile = named("MobileNetV2ImageProcessor");
  EXPECT_EQ(mobile.resize, 256);
  EXPECT_EQ(mobile.size, 224);
  EXPECT_EQ(mobile.filter, Filter::kBilinear);
  const ImageOptions siglip = named("SiglipImageProcessor");
  EXPECT_EQ(siglip.resize_mode, ResizeMode::kSquash);
  EXPECT_EQ(siglip.filter, Filter::kBicubic);
  const ImageOptions large = parse(R"({"image_processor_type": "ConvNextImageProcessor", "size": {"shortest_edge": 384}})");
  EXPECT_EQ(large.resize_mode, ResizeMode::kSquash);
  EXPECT_EQ(large.size, 384);
  // ((x / 255 - 0.5) / 0.25) / 0.25
  const ImageOptions efficient = parse(
      R"({"image_processor_type": "EfficientNetImageProcessor", "size": {"height": 300, "width": 300}, "image_std": [0.25, 0.25, 0.25]})");
  EXPECT_EQ(efficient.size, 300);
  EXPECT_NEAR(efficient.std[0], 0.0625, 1e-12);
  // ((x / 127.5 - 1) - 0) / 1
  const ImageOptions shifted = parse(
      R"({"image_processor_type": "EfficientNetImageProcessor", "rescale_factor": 0.00784313725490196, "rescale_offset": true,
          "do_normalize": false, "include_top": false, "image_mean": null})");
  EXPECT_NEAR(shifted.mean[0], 0.5, 1e-12);
  EXPECT_NEAR(shifted.std[0], 0.5, 1e-12);
}

TEST(Preprocessor, EveryMakerHasItsOwnCrop) {
  EXPECT_EQ(parse("{}").crop_rounding, CropRounding::kDown);
  EXPECT_EQ(timm_pixels(nlohmann::json{{"architecture", "resnet18"}}, "file").crop_rounding, CropRounding::kEven);
  EXPECT_EQ(open_clip_pixels(nlohmann::json::object(), ImageOptions{}, "file").crop_rounding, CropRounding::kEven);
}

// timm 1.0.31, create_transform(**resolve_data_config(pretrained_cfg)): floor(288 / 0.95) = 303.
TEST(Preprocessor, Timm) {
  const auto read = [](const std::string& pretrained) {
    return timm_pixels(nlohmann::json::parse(R"({"architecture": "resnet18", "pretrained_cfg": )" + pretrained + "}"), "config.json");
  };
  const ImageOptions large = read(R"({"input_size": [3, 288, 288], "crop_pct": 0.95, "interpolation": "bilinear", "mean": [0.1, 0.2, 0.3],
                                      "std": [0.5, 0.6, 0.7], "test_input_size": [3, 320, 320], "test_crop_pct": 1.0})");
  EXPECT_EQ(large.size, 288);
  EXPECT_EQ(large.resize, 303);
  EXPECT_EQ(large.filter, Filter::kBilinear);
  EXPECT_EQ(large.mean, (std::vector<double>{0.1, 0.2, 0.3}));
  EXPECT_EQ(large.std, (std::vector<double>{0.5, 0.6, 0.7}));
  const ImageOptions silent = read("{}");
  EXPECT_EQ(silent.resize, 256);  // 224 / 0.875
  EXPECT_EQ(silent.filter, Filter::kBicubic);
  EXPECT_EQ(read(R"({"crop_mode": "squash", "crop_pct": 1.0})").resize_mode, ResizeMode::kSquash);
  const ImageOptions border = read(R"({"crop_mode": "border", "mean": [0.5, 0.5, 0.49]})");
  EXPECT_EQ(border.resize_mode, ResizeMode::kLongest);
  EXPECT_EQ(border.fill, (std::vector<int64_t>{128, 128, 125}));  // 127.5 to the even one, 124.95
  // Files before 2023 have it all at the top.
  EXPECT_EQ(timm_pixels(nlohmann::json{{"architecture", "resnet18"}, {"crop_pct", 1.0}}, "file").resize, 224);
  EXPECT_THROW(timm_pixels(nlohmann::json{{"architecture", "resnet18"}, {"sharpen", 2}}, "file"), CheckpointError);
  const nlohmann::json none = nlohmann::json::object();  // beside pretrained_cfg timm passes over what it does not know
  EXPECT_EQ(timm_pixels(nlohmann::json{{"architecture", "resnet18"}, {"sharpen", 2}, {"pretrained_cfg", none}}, "file").resize, 256);
  for (const char* bad :
       {R"({"input_size": [1, 224, 224]})", R"({"input_size": [3, 224, 225]})", R"({"crop_pct": 1.5})", R"({"interpolation": "random"})",
        R"({"sharpen": 2})", R"({"crop_mode": "wide"})", R"({"mean": [0.5]})", R"(3)"}) {
    EXPECT_THROW(read(bad), CheckpointError) << bad;
  }
}

TEST(Preprocessor, OpenClip) {
  ImageOptions own;
  own.size = own.resize = 32;
  const auto read = [&own](const char* text) { return open_clip_pixels(nlohmann::json::parse(text), own, "preprocess_cfg"); };
  const ImageOptions longest =
      read(R"({"size": [32, 32], "mode": "RGB", "mean": [0.5, 0.5, 0.5], "std": [0.25, 0.5, 0.5], "interpolation": "bilinear",
                                        "resize_mode": "longest", "fill_color": 7})");
  EXPECT_EQ(longest.resize_mode, ResizeMode::kLongest);
  EXPECT_EQ(longest.fill, (std::vector<int64_t>{7, 7, 7}));
  EXPECT_EQ(longest.filter, Filter::kBilinear);
  EXPECT_EQ(longest.std[0], 0.25);
  EXPECT_EQ(read(R"({"resize_mode": "squash"})").resize_mode, ResizeMode::kSquash);
  EXPECT_EQ(read("{}").filter, Filter::kBicubic);
  for (const char* bad : {R"({"size": 64})", R"({"mode": "L"})", R"({"interpolation": "lanczos"})", R"({"resize_mode": "wide"})",
                          R"({"fill_color": 300})", R"({"crop": 3})"}) {
    EXPECT_THROW(read(bad), CheckpointError) << bad;
  }
}

// transformers 5 reads the nested one first; a folder whose makers disagree is refused.
TEST(Preprocessor, FilesOfAFolder) {
  const reference::TemporaryFolder folder;
  const auto write = [&folder](const char* name, const std::string& text) { write_file_atomic(folder.path() / name, text); };
  write("preprocessor_config.json", R"({"size": {"shortest_edge": 100}, "crop_size": 90})");
  EXPECT_EQ(read_preprocessor(folder.path(), {}).size, 90);
  write("processor_config.json", R"({"processor_class": "CLIPProcessor"})");
  EXPECT_EQ(read_preprocessor(folder.path(), {}).size, 90);
  write("processor_config.json",
        R"({"image_processor": {"image_processor_type": "CLIPImageProcessor", "crop_size": {"height": 32, "width": 32},
                                     "size": {"shortest_edge": 40, "height": null}}})");
  EXPECT_EQ(read_preprocessor(folder.path(), {}).size, 32);
  EXPECT_EQ(read_preprocessor(folder.path(), {}).resize, 40);
  write("config.json", R"({"architecture": "resnet18", "pretrained_cfg": {"input_size": [3, 64, 64]}})");
  EXPECT_THROW(read_preprocessor(folder.path(), {}), CheckpointError);
  std::filesystem::remove(folder.path() / "processor_config.json");
  std::filesystem::remove(folder.path() / "preprocessor_config.json");
  EXPECT_EQ(read_preprocessor(folder.path(), {}).size, 64);
  write("config.json", R"({"model_type": "resnet", "architecture": "x"})");
  EXPECT_EQ(read_preprocessor(folder.path(), {}).size, 224);
  write("config.json", "{");
  EXPECT_THROW(read_preprocessor(folder.path(), {}), CheckpointError);
}

TEST(Preprocessor, RefusesWhatItCannotDo) {
  const std::vector<std::pair<std::string, std::string>> faults = {
      {"size", R"({"image_processor_type": "ConvNextImageProcessor", "size": {"height": 224, "width": 224}})"},
      {"size", R"({"size": {"height": 224, "width": 200}})"},
      {"size", R"({"size": "large"})"},
      {"crop_pct", R"({"image_processor_type": "ConvNextImageProcessor", "size": 224, "crop_pct": 0})"},
      {"crop_pct", R"({"image_processor_type": "ConvNextImageProcessor", "size": 224, "crop_pct": 1e-30})"},
      {"crop_pct", R"({"image_processor_type": "ConvNextImageProcessor", "size": 224, "crop_pct": -1})"},
      {"crop_pct", R"({"image_processor_type": "ConvNextImageProcessor", "size": 224, "crop_pct": 1.5})"},
      {"resample", R"({"resample": 6})"},
      {"image_processor_type", R"({"image_processor_type": "DINOv3ViTImageProcessorFast"})"},
      {"do_flip_channel_order", R"({"do_flip_channel_order": true})"},
      {"max_pixels", R"({"max_pixels": 12845056})"},
      {"size", R"({"image_processor_type": "SiglipImageProcessor", "size": 224})"},
      {"size", R"({"size": {"shortest_edge": 224, "longest_edge": 500}})"},
      {"include_top", R"({"image_processor_type": "ViTImageProcessor", "include_top": true})"},
      {"do_resize", R"({"do_resize": false})"},
      {"do_center_crop", R"({"do_center_crop": false})"},
      {"image_mean", R"({"image_mean": [0.5]})"},
      {"do_normalize", R"({"do_normalize": 1})"},
      {"rescale_factor", R"({"rescale_factor": -1})"},
      {"file", R"({"image_std": [0, 0, 0]})"},
      {"file", R"({"size": 200, "crop_size": 224})"},
      {"file", "[]"}};
  for (const auto& [key, json] : faults) {
    try {
      parse(json);
      ADD_FAILURE() << json << " was accepted";
    } catch (const CheckpointError& error) {
      EXPECT_NE(std::string(error.what()).find(key), std::string::npos) << error.what();
    }
  }
}

}  // namespace
}  // namespace infig
