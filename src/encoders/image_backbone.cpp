#include "encoders/image_backbone.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "encoders/config_reader.h"
#include "encoders/efficientnet_lite.h"
#include "encoders/resnet.h"
#include "encoders/text_encoder.h"
#include "image/preprocessor.h"

namespace infig {
namespace {

// What the published checkpoints carry besides the backbone: the classifier of ImageNet.
const WeightNames kResNetNames = {
    .prefixes = {"resnet.", "module."}, .endings = {}, .other_parts = {"fc.", "classifier."}, .other_endings = {"num_batches_tracked"}};
const WeightNames kEfficientNetLiteNames = {
    .prefixes = {"module."}, .endings = {}, .other_parts = {"_fc."}, .other_endings = {"num_batches_tracked"}};

// Torchvision's: ImageNet's mean and deviation.
const ImageOptions kResNetPixels = {.size = 224, .resize = 256, .filter = Filter::kBilinear, .augment = Augment::kNone};
const ImageOptions kEfficientNetLitePixels = {.size = 224,
                                              .resize = 256,
                                              .filter = Filter::kBicubic,
                                              .augment = Augment::kNone,
                                              .mean = {127.0 / 255, 127.0 / 255, 127.0 / 255},
                                              .std = {128.0 / 255, 128.0 / 255, 128.0 / 255}};

int64_t resnet_depth(const ResNetOptions& options) {
  int64_t convolutions = 2;  // the stem and the classifier count
  for (const int64_t blocks : options.layers) convolutions += blocks * (options.bottleneck ? 3 : 2);
  return convolutions;
}

PublishedBackbone load_resnet(const TensorMap& published, const nlohmann::json* config, const std::string& where) {
  TensorMap tensors;
  for (const auto& [name, tensor] : rename_weights(published, kResNetNames, where)) tensors[torchvision_name(name)] = tensor;
  const ResNetOptions options =
      config != nullptr ? of_config_in(where, [&] { return resnet_options_from_json(*config); }) : resnet_options_from_weights(tensors);
  const auto backbone = std::make_shared<ResNetImpl>(options);
  load_published(*backbone, tensors, kResNetNames, where);
  return {.backbone = backbone, .pixels = kResNetPixels, .name = fmt::format("resnet-{}", resnet_depth(options))};
}

PublishedBackbone load_efficientnet_lite(const TensorMap& published, const std::string& where) {
  const TensorMap tensors = rename_weights(published, kEfficientNetLiteNames, where);
  const int64_t number = efficientnet_lite_number(tensors, where);
  const auto backbone = std::make_shared<EfficientNetLiteImpl>(efficientnet_lite(number));
  load_published(*backbone, tensors, kEfficientNetLiteNames, where);
  return {.backbone = backbone, .pixels = kEfficientNetLitePixels, .name = fmt::format("efficientnet-lite{}", number)};
}

bool has_key_ending(const TensorMap& tensors, const std::string& ending) {
  for (const auto& item : tensors) {
    if (item.first.ends_with(ending)) return true;
  }
  return false;
}

}  // namespace

at::Tensor pool_grid(const at::Tensor& grid) { return grid.mean(at::IntArrayRef{2, 3}); }

void check_pixel_values(const char* model, const at::Tensor& pixel_values) {
  if (pixel_values.dim() != 4 || pixel_values.size(1) != 3 || !pixel_values.is_floating_point()) {
    throw ShapeError(fmt::format("{}: expected pixel_values [B, 3, S, S] float, found [{}] {}", model,
                                 fmt::join(pixel_values.sizes(), ", "), c10::toString(pixel_values.scalar_type())));
  }
}

PublishedBackbone load_image_backbone(const std::filesystem::path& path) {
  const std::string where = path.string();
  const bool folder = std::filesystem::is_directory(path);
  nlohmann::json config;
  if (folder && std::filesystem::exists(path / "config.json")) config = read_model_config(path);
  const bool described = config.is_object() && config.value("model_type", nlohmann::json()) == "resnet";
  const TensorMap tensors = load_tensors(path);
  PublishedBackbone published;
  if (described) {
    published = load_resnet(tensors, &config, where);
  } else if (has_key_ending(tensors, "_conv_stem.weight")) {
    published = load_efficientnet_lite(tensors, where);
  } else if (has_key_ending(tensors, "layer1.0.conv1.weight")) {
    published = load_resnet(tensors, nullptr, where);
  } else {
    throw CheckpointError(
        fmt::format("{}: no image backbone known here; expected ResNet (torchvision's names, or a folder with a config.json of "
                    "model_type resnet) or EfficientNet-Lite (_conv_stem.weight, _blocks.0...)",
                    where));
  }
  if (folder) published.pixels = read_preprocessor(path, published.pixels);
  return published;
}

}  // namespace infig
