// The last layer of a published image network: the classifier of ImageNet that its checkpoint carries beside the backbone.
#pragma once

#include <torch/types.h>

#include <filesystem>

#include "encoders/image_backbone.h"

namespace infig {

struct PictureClassifier {
  at::Tensor weight;  // [K, c] float
  at::Tensor bias;    // [K] float
};

// Of networks whose classifier is one linear layer over the grid's mean: ResNet and its like (fc, classifier, classifier.1) and
// EfficientNet-Lite (_fc). Throws CheckpointError for a checkpoint without one, and ConfigError for another network; messages begin with
// `path`.
PictureClassifier load_picture_classifier(const std::filesystem::path& path, const ImageBackbone& backbone);

}  // namespace infig
