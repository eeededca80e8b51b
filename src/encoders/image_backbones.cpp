#include "encoders/image_backbones.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "encoders/config_reader.h"

namespace infig {
namespace {

std::shared_ptr<ImageBackbone> made_of(const ResNetOptions& options) { return std::make_shared<ResNetImpl>(options); }
std::shared_ptr<ImageBackbone> made_of(const EfficientNetLiteOptions& options) { return std::make_shared<EfficientNetLiteImpl>(options); }

}  // namespace

ImageBackboneOptions image_backbone_options(const nlohmann::json& config) {
  const std::string type = ConfigReader(config, "image backbone").text("model_type", "");
  if (type == "resnet") return resnet_options_from_json(config);
  if (type == "efficientnet-lite") return efficientnet_lite(ConfigReader(config, "EfficientNet-Lite").integer("number", 0));
  throw ConfigError(fmt::format("image backbone: model_type is \"{}\"; supported are resnet and efficientnet-lite", type));
}

std::shared_ptr<ImageBackbone> make_image_backbone(const ImageBackboneOptions& options) {
  return std::visit([](const auto& one) { return made_of(one); }, options);
}

std::shared_ptr<ImageBackbone> make_image_backbone(const nlohmann::json& config) {
  return make_image_backbone(image_backbone_options(config));
}

int64_t feature_size_of(const ImageBackboneOptions& options) {
  return std::visit([](const auto& one) { return one.feature_size(); }, options);
}

int64_t stride_of(const ImageBackboneOptions& options) {
  return std::visit([](const auto& one) { return one.stride(); }, options);
}

}  // namespace infig
