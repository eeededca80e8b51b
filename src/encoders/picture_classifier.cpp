#include "encoders/picture_classifier.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <array>
#include <string>

#include "core/error.h"
#include "encoders/efficientnet_lite.h"
#include "encoders/resnet.h"
#include "tensor/archive.h"

namespace infig {

PictureClassifier load_picture_classifier(const std::filesystem::path& path, const ImageBackbone& backbone) {
  const bool linear_head =
      dynamic_cast<const ResNetImpl*>(&backbone) != nullptr || dynamic_cast<const EfficientNetLiteImpl*>(&backbone) != nullptr;
  if (!linear_head) {
    throw ConfigError(
        fmt::format("{}: class names are read off a ResNet or an EfficientNet-Lite, whose classifier is one layer over the "
                    "grid's mean; this network has another. Choose one of those as image.model",
                    path.string()));
  }
  const TensorMap tensors = load_tensors(path);
  for (const char* layer : {"fc", "_fc", "classifier.1", "classifier"}) {
    const std::string wanted = std::string(layer) + ".weight";
    for (const auto& [name, weight] : tensors) {
      if (name != wanted && !name.ends_with("." + wanted)) continue;
      const auto bias = tensors.find(name.substr(0, name.size() - 6) + "bias");
      if (bias == tensors.end() || weight.dim() != 2 || weight.size(1) != backbone.feature_size() ||
          bias->second.sizes() != at::IntArrayRef{weight.size(0)})
        continue;
      return {.weight = weight.to(at::kFloat), .bias = bias->second.to(at::kFloat)};
    }
  }
  throw CheckpointError(
      fmt::format("{}: holds no classifier (fc, classifier or _fc, [classes, {}] with a bias), which names of classes need; "
                  "give the checkpoint as published, not the backbone alone",
                  path.string(), backbone.feature_size()));
}

}  // namespace infig
