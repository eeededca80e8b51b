// Which network a config.json of timm states: `architecture`, and `model_args` that depart from it.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "encoders/image_backbones.h"

namespace infig {

// `architecture` of a config.json of timm without the tag behind a point ("resnet50d" of "resnet50d.ra2_in1k"); empty for any other
// config.json (transformers' wrapper around timm, model_type timm_wrapper, is timm's).
std::string timm_architecture(const nlohmann::json& config);

// The convolutional network that timm builds for it: ResNets and their descendants, ConvNeXt, EfficientNet, MobileNetV3; nothing for
// another architecture. model_args that only training or the classifier knows have no effect; throws ConfigError for others that are not
// supported.
std::optional<ImageBackboneOptions> timm_network(const nlohmann::json& config);

// What timm_network() knows, for messages.
std::string timm_families();

}  // namespace infig
