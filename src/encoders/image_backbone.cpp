#include "encoders/image_backbone.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "archive/weight_archive.h"
#include "core/error.h"
#include "encoders/config_reader.h"
#include "encoders/convolutional_files.h"
#include "encoders/efficientnet_lite.h"
#include "encoders/resnet.h"
#include "encoders/text_encoder.h"
#include "encoders/vision_transformer.h"
#include "image/preprocessor.h"

namespace infig {
namespace {

// What the published checkpoints carry besides the backbone: the classifier of ImageNet.
const WeightNames kResNetNames = {
    .prefixes = {"resnet."}, .endings = {}, .other_parts = {"fc.", "classifier."}, .other_endings = {"num_batches_tracked"}};
const WeightNames kEfficientNetLiteNames = {
    .prefixes = {}, .endings = {}, .other_parts = {"_fc."}, .other_endings = {"num_batches_tracked"}};

// Torchvision's: ImageNet's mean and deviation.
const ImageOptions kResNetPixels = {
    .size = 224, .resize = 256, .filter = Filter::kBilinear, .crop_rounding = CropRounding::kEven, .augment = Augment::kNone};
const ImageOptions kEfficientNetLitePixels = {.size = 224,
                                              .resize = 256,
                                              .filter = Filter::kBicubic,
                                              .crop_rounding = CropRounding::kEven,
                                              .augment = Augment::kNone,
                                              .mean = {127.0 / 255, 127.0 / 255, 127.0 / 255},
                                              .std = {128.0 / 255, 128.0 / 255, 128.0 / 255}};

// Keys by which an architecture is told, whatever stands before them.
constexpr const char* kResNetBlock = "layer1.0.conv1.weight";                // torchvision's
constexpr const char* kResNetStem = "embedder.embedder.convolution.weight";  // transformers'
constexpr const char* kLiteStem = "_conv_stem.weight";

int64_t resnet_depth(const ResNetOptions& options) {
  int64_t convolutions = 2;  // the stem and the classifier count
  for (const int64_t blocks : options.layers) convolutions += blocks * (options.bottleneck ? 3 : 2);
  return convolutions;
}

PublishedBackbone load_resnet(const TensorMap& published, const nlohmann::json* config, const std::string& where) {
  TensorMap tensors;
  const TensorMap below = without_prefix(rename_weights(published, kResNetNames, where), {kResNetBlock, kResNetStem}, where);
  for (const auto& [name, tensor] : rename_weights(below, kResNetNames, where)) tensors[torchvision_name(name)] = tensor;
  const ResNetOptions options = config != nullptr ? of_config_in(where, [&] { return resnet_options_from_json(*config); })
                                                  : resnet_options_from_weights(tensors, where);
  const auto backbone = std::make_shared<ResNetImpl>(options);
  load_published(*backbone, tensors, kResNetNames, where);
  ImageOptions pixels = kResNetPixels;
  if (config != nullptr) pixels.crop_rounding = CropRounding::kDown;  // transformers' own rule
  return {.backbone = backbone, .pixels = pixels, .name = fmt::format("resnet-{}", resnet_depth(options))};
}

PublishedBackbone load_efficientnet_lite(const TensorMap& published, const std::string& where) {
  const TensorMap tensors = rename_weights(without_prefix(published, {kLiteStem}, where), kEfficientNetLiteNames, where);
  const int64_t number = efficientnet_lite_number(tensors, where);
  const auto backbone = std::make_shared<EfficientNetLiteImpl>(efficientnet_lite(number));
  load_published(*backbone, tensors, kEfficientNetLiteNames, where);
  return {.backbone = backbone, .pixels = kEfficientNetLitePixels, .name = fmt::format("efficientnet-lite{}", number)};
}

std::string text_of(const nlohmann::json& config, const char* key) {
  const nlohmann::json value = config.is_object() ? config.value(key, nlohmann::json()) : nlohmann::json();
  return value.is_string() ? value.get<std::string>() : std::string();
}

std::string stated_kind(const std::string& type, const std::string& architecture) {
  if (!type.empty()) return fmt::format(" (config.json: model_type is \"{}\")", type);
  return architecture.empty() ? std::string() : fmt::format(" (config.json: architecture is \"{}\")", architecture);
}

bool has_key_ending(const TensorMap& tensors, const std::string& ending) {
  for (const auto& item : tensors) {
    if (item.first.ends_with(ending)) return true;
  }
  return false;
}

}  // namespace

at::Tensor pool_grid(const at::Tensor& grid) { return grid.mean(at::IntArrayRef{2, 3}); }

at::Tensor ImageBackbone::features_where(const at::Tensor& pixel_values, const at::Tensor& there) {
  if (there.any().item<bool>()) return features(pixel_values, false);
  const std::lock_guard<std::mutex> lock(shapes_mutex_);
  std::vector<int64_t>& shape = shapes_[pixel_values.size(2)];
  if (shape.empty()) shape = features(pixel_values.narrow(0, 0, 1), false).sizes().slice(1).vec();
  std::vector<int64_t> all = shape;
  all.insert(all.begin(), pixel_values.size(0));
  return at::zeros(all, pixel_values.options());
}

at::Tensor ImageBackbone::grid(const at::Tensor& features) const { return features.flatten(2).transpose(1, 2); }
at::Tensor ImageBackbone::pooled(const at::Tensor& features) const { return pool_grid(features); }

void check_pixel_values(const char* model, const at::Tensor& pixel_values) {
  if (pixel_values.dim() != 4 || pixel_values.size(1) != 3 || !pixel_values.is_floating_point()) {
    throw ShapeError(fmt::format("{}: expected pixel_values [B, 3, S, S] float, found [{}] {}", model,
                                 fmt::join(pixel_values.sizes(), ", "), c10::toString(pixel_values.scalar_type())));
  }
}

namespace {

PublishedBackbone load_any_backbone(const std::filesystem::path& path) {
  const std::string where = weights_file(path).string();
  const bool folder = std::filesystem::is_directory(path);
  nlohmann::json config;
  if (folder && std::filesystem::exists(path / "config.json")) config = read_model_config(path);
  const std::string type = text_of(config, "model_type"), architecture = text_of(config, "architecture");
  const TensorMap tensors = load_tensors(path);
  PublishedBackbone published;
  if (is_vision_transformer(type) || is_timm_vision(architecture)) {
    published = load_vision_transformer(tensors, config, where);
  } else if (type == "resnet") {
    published = load_resnet(tensors, &config, where);
  } else if (auto convolutional = load_convolutional(config, tensors, where)) {
    published = std::move(*convolutional);
  } else if (refuse_stated_network(config, where); has_key_ending(tensors, kLiteStem)) {
    published = load_efficientnet_lite(tensors, where);
  } else if (has_key_ending(tensors, kResNetBlock)) {
    published = load_resnet(tensors, nullptr, where);
  } else {
    throw CheckpointError(fmt::format(
        "{}: no image backbone known here{}; expected ResNet, ConvNeXt, EfficientNet or MobileNetV3 in the names of torchvision, "
        "timm or transformers (with the config.json that these save), EfficientNet-Lite (_conv_stem.weight, _blocks.0...), or the "
        "folder of a Vision Transformer, with config.json, as transformers (vit, deit, dinov2, dinov2_with_registers, clip, "
        "siglip) or timm saves it; found {} tensors{}",
        where, stated_kind(type, architecture), tensors.size(), tensors.empty() ? "" : ", the first of them " + tensors.begin()->first));
  }
  if (folder) published.pixels = read_preprocessor(path, published.pixels);
  return published;
}

}  // namespace

PublishedBackbone load_image_backbone(const std::filesystem::path& path) {
  try {
    return load_any_backbone(path);
  } catch (const ConfigError& error) {  // of sizes that the network refuses: they are the file's
    throw CheckpointError(fmt::format("{}: {}; docs/encoders.md lists what is supported", path.string(), error.what()));
  }
}

}  // namespace infig
