#include "image/preprocessor.h"

#include <gtest/gtest.h>

#include "core/error.h"

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

TEST(Preprocessor, RefusesWhatItCannotDo) {
  const std::vector<std::pair<std::string, std::string>> faults = {
      {"size", R"({"size": {"height": 224, "width": 224}})"},
      {"size", R"({"size": {"height": 224, "width": 200}})"},
      {"size", R"({"size": "large"})"},
      {"size", R"({"image_processor_type": "ConvNextImageProcessor", "size": 384})"},
      {"crop_pct", R"({"image_processor_type": "ConvNextImageProcessor", "crop_pct": 0})"},
      {"crop_pct", R"({"image_processor_type": "ConvNextImageProcessor", "crop_pct": 1e-30})"},
      {"crop_pct", R"({"image_processor_type": "ConvNextImageProcessor", "crop_pct": -1})"},
      {"crop_pct", R"({"image_processor_type": "ConvNextImageProcessor", "crop_pct": 1.5})"},
      {"resample", R"({"resample": 1})"},
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
    } catch (const ConfigError& error) {
      EXPECT_NE(std::string(error.what()).find(key), std::string::npos) << error.what();
    }
  }
}

}  // namespace
}  // namespace infig
