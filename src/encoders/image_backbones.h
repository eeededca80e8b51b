// Every image backbone there is, as typed options: what a checkpoint's config is read into once, and what backbones are made of.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <variant>

#include "encoders/efficientnet_lite.h"
#include "encoders/image_backbone.h"
#include "encoders/resnet.h"

namespace infig {

// The explicit list: a new architecture is one more alternative here and its model_type in image_backbones.cpp.
using ImageBackboneOptions = std::variant<ResNetOptions, EfficientNetLiteOptions>;

// What ImageBackbone::config() wrote. Throws ConfigError naming key, value and what is supported.
ImageBackboneOptions image_backbone_options(const nlohmann::json& config);

// The backbone, weights not yet set.
std::shared_ptr<ImageBackbone> make_image_backbone(const ImageBackboneOptions& options);

// What can be known without making the backbone.
int64_t feature_size_of(const ImageBackboneOptions& options);  // channels of the grid
int64_t stride_of(const ImageBackboneOptions& options);        // pixels a grid cell, a side

}  // namespace infig
