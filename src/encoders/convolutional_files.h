// Published convolutional networks: which one a folder or file holds, and its weights in it.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "encoders/image_backbone.h"

namespace infig {

// Of a folder's config.json (null: there is none) and its tensors: what timm's `architecture` names, transformers' model_type convnext and
// efficientnet, or, without a config.json that says either, what names and shapes say in timm's, torchvision's, transformers' or the
// authors' naming; under whatever prefix a training script has put before them, which the log then names. Nothing where it is another kind
// of network. Pixels are the network's own where the folder states none. Throws CheckpointError, also where two readings fit, and
// ConfigError.
std::optional<PublishedBackbone> load_convolutional(const nlohmann::json& config, const TensorMap& tensors, const std::string& where);

// Refuses, by name, a config.json that states a network which is not supported. Throws ConfigError.
void refuse_stated_network(const nlohmann::json& config, const std::string& where);

}  // namespace infig
