#include "encoders/image_backbones.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "encoders/config_reader.h"

namespace infig {
namespace {

std::shared_ptr<ImageBackbone> made_of(const ResNetOptions& options) { return std::make_shared<ResNetImpl>(options); }
std::shared_ptr<ImageBackbone> made_of(const EfficientNetLiteOptions& options) { return std::make_shared<EfficientNetLiteImpl>(options); }
std::shared_ptr<ImageBackbone> made_of(const ConvNextOptions& options) { return std::make_shared<ConvNextImpl>(options); }
std::shared_ptr<ImageBackbone> made_of(const InvertedNetOptions& options) { return std::make_shared<InvertedNetImpl>(options); }
std::shared_ptr<ImageBackbone> made_of(const VisionTransformerOptions& options) { return std::make_shared<VisionTransformerImpl>(options); }

}  // namespace

ImageBackboneOptions image_backbone_options(const nlohmann::json& config) {
  const std::string type = ConfigReader(config, "image backbone").text("model_type", "");
  if (type == "resnet") return resnet_options_from_json(config);
  if (type == "efficientnet-lite") return efficientnet_lite(ConfigReader(config, "EfficientNet-Lite").integer("number", 0));
  if (type == "convnext") return convnext_options_from_json(config);
  if (type == "inverted-net") return inverted_net_from_json(config);
  if (is_vision_transformer(type)) return vision_options_from_json(config);
  throw ConfigError(fmt::format(
      "image backbone: model_type is \"{}\"; supported are resnet, efficientnet-lite, convnext, inverted-net, vit, deit, dinov2, "
      "dinov2_with_registers, clip_vision_model and siglip_vision_model",
      type));
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

int64_t cells_of(const ImageBackboneOptions& options, int64_t size) {
  return std::visit(
      [size](const auto& one) -> int64_t {
        if constexpr (requires { one.cells(size); }) {
          return one.cells(size);
        } else {
          return size % one.stride() == 0 ? size / one.stride() : 0;
        }
      },
      options);
}

}  // namespace infig
