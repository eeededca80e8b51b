// Every image backbone there is, as typed options: a checkpoint's config is read into them once, and backbones are made from them.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <variant>

#include "encoders/convnext.h"
#include "encoders/efficientnet_lite.h"
#include "encoders/image_backbone.h"
#include "encoders/inverted_net.h"
#include "encoders/resnet.h"
#include "encoders/vision_transformer.h"

namespace infig {

// The explicit list: a new architecture is one more alternative here and its model_type in image_backbones.cpp.
using ImageBackboneOptions =
    std::variant<ResNetOptions, EfficientNetLiteOptions, ConvNextOptions, InvertedNetOptions, VisionTransformerOptions>;

// What ImageBackbone::config() wrote. Throws ConfigError naming key, value and what is supported.
ImageBackboneOptions image_backbone_options(const nlohmann::json& config);

// The backbone, weights not yet set.
std::shared_ptr<ImageBackbone> make_image_backbone(const ImageBackboneOptions& options);

// What can be known without making the backbone.
int64_t feature_size_of(const ImageBackboneOptions& options);  // channels of the grid, width of the tokens
int64_t stride_of(const ImageBackboneOptions& options);        // pixels per grid cell or patch, along a side
// Cells a side for pictures of that size; 0 where it gives none, or where it is no multiple of the stride and the network needs that.
int64_t cells_of(const ImageBackboneOptions& options, int64_t size);

}  // namespace infig
