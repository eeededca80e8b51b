#include "encoders/vision_tower.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>
#include <string_view>

#include "core/error.h"
#include "nn/initialize.h"
#include "nn/linear.h"

namespace infig {

void VisionTowerOptions::validate() const {
  network.validate();
  if (upper_layers < 1 || upper_layers > network.num_hidden_layers) {
    throw ConfigError(fmt::format("image.num_hidden_layers: is {}, the layers of the image tower itself; {} has {}: allowed is 1 .. {}",
                                  upper_layers, network.model_type, network.num_hidden_layers, network.num_hidden_layers));
  }
  if (hidden_size < 1) throw ConfigError(fmt::format("image tower: hidden_size is {}; allowed is >= 1", hidden_size));
}

VisionTowerImpl::VisionTowerImpl(const VisionTowerOptions& options, bool with_backbone) : options_((options.validate(), options)) {
  const VisionPart upper = {.embeddings = false, .first = first_layer(), .last = num_hidden_layers()};
  upper_ = register_module("vision", std::make_shared<VisionTransformerImpl>(options.network, upper));
  if (options.network.hidden_size != options.hidden_size)
    projection_ = register_module("projection", linear(options.network.hidden_size, options.hidden_size));
  if (with_backbone) lower_ = register_module("backbone", std::static_pointer_cast<VisionTransformerImpl>(make_backbone_twin()));
}

std::shared_ptr<ImageBackbone> VisionTowerImpl::make_backbone_twin() const {
  return std::make_shared<VisionTransformerImpl>(options_.network, VisionPart{.embeddings = true, .first = 0, .last = first_layer()});
}

void VisionTowerImpl::initialize(uint64_t seed) {
  if (!projection_.is_empty()) initialize_transformer(*projection_, options_.initializer_range, seed);
  upper_->initialize(seed);
}

// The published network in two: each part takes the parameters that it has.
void VisionTowerImpl::load_backbone(const ImageBackbone& published, const std::string& where) {
  const TensorMap all = state_dict(published), own = state_dict(*lower_);
  TensorMap lower, upper;
  for (const auto& [name, tensor] : all) (own.contains(name) ? lower : upper).emplace(name, tensor);
  load_state_dict(*lower_, lower, where);
  load_state_dict(*upper_, upper, where);
}

int64_t VisionTowerImpl::layer_of(const std::string& parameter) const {
  for (const std::string_view list : {".encoder.layer.", ".encoder.layers."}) {
    const size_t found = parameter.find(list);
    if (found == std::string::npos) continue;
    int64_t layer = -1;
    std::from_chars(parameter.data() + found + list.size(), parameter.data() + parameter.size(), layer);
    return layer + 1;
  }
  return parameter.starts_with("backbone.") ? 0 : num_hidden_layers();  // the final LayerNorm, the pooling head, the projection
}

std::vector<at::Tensor> VisionTowerImpl::forward(const at::Tensor& features, DropoutSource* source) {
  const VisionTransformerOptions& network = options_.network;
  if (features.dim() != 3 || features.size(2) != network.hidden_size || features.size(1) <= network.extra_tokens()) {
    throw ShapeError(fmt::format("image tower: expected features [B, {} + P, {}], found [{}]", network.extra_tokens(), network.hidden_size,
                                 fmt::join(features.sizes(), ", ")));
  }
  std::vector<at::Tensor> states = upper_->run(features, source, {.rate = options_.drop_path, .source = source});
  for (size_t k = 0; k < states.size(); ++k) {
    states[k] = upper_->tokens(states[k], k + 1 == states.size());
    if (!projection_.is_empty()) states[k] = projection_->forward(states[k]);
  }
  return states;
}

}  // namespace infig
