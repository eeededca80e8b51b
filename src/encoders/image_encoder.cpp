#include "encoders/image_encoder.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>
#include <nlohmann/json.hpp>
#include <string_view>

#include "core/error.h"
#include "encoders/image_backbone.h"
#include "nn/initialize.h"
#include "nn/linear.h"
#include "nn/recompute.h"

namespace infig {

void ImageEncoderOptions::validate() const {
  backbone.validate();
  layer.validate();
  if (num_hidden_layers < 1) throw ConfigError(fmt::format("image encoder: num_hidden_layers is {}; allowed is >= 1", num_hidden_layers));
  if (grid < 1) throw ConfigError(fmt::format("image encoder: grid is {}; allowed is >= 1", grid));
  if (!(initializer_range > 0.0))
    throw ConfigError(fmt::format("image encoder: initializer_range is {}; allowed is > 0", initializer_range));
}

ImageTransformerImpl::ImageTransformerImpl(const ImageEncoderOptions& options) : options_(options) {
  options.validate();
  const int64_t channels = options.channels(), hidden = options.layer.hidden_size;
  grid_projection_ = register_module("grid_projection", linear(channels, hidden));
  cls_projection_ = register_module("cls_projection", linear(channels, hidden));
  layers_ = register_module("layer", torch::nn::ModuleList());
  for (int64_t n = 0; n < options.num_hidden_layers; ++n) layers_->push_back(TransformerLayer(options.layer));
  if (options.learned_positions) {
    position_embeddings_ = register_parameter("position_embeddings", at::zeros({1 + options.grid * options.grid, hidden}));
  }
}

void ImageTransformerImpl::initialize(uint64_t seed) { initialize_transformer(*this, options_.initializer_range, seed, "backbone."); }

int64_t ImageTransformerImpl::layer_of(const std::string& parameter) const {
  constexpr std::string_view kLayer = "layer.";
  int64_t layer = -1;
  if (parameter.starts_with(kLayer)) std::from_chars(parameter.data() + kLayer.size(), parameter.data() + parameter.size(), layer);
  return layer + 1;
}

std::vector<at::Tensor> ImageTransformerImpl::forward(const at::Tensor& feature_map, DropoutSource* source) {
  if (feature_map.dim() != 4 || feature_map.size(1) != options_.channels()) {
    throw ShapeError(fmt::format("image encoder: expected a feature map [B, {}, h, w], found [{}]", options_.channels(),
                                 fmt::join(feature_map.sizes(), ", ")));
  }
  const int64_t rows = feature_map.size(2), columns = feature_map.size(3);
  if (position_embeddings_.defined() && (rows != options_.grid || columns != options_.grid)) {
    throw ShapeError(
        fmt::format("image encoder: learned positions are for a grid of {0} x {0}, the picture gives {1} x {2}; use pictures "
                    "of the training size",
                    options_.grid, rows, columns));
  }
  const at::Tensor grid = feature_map.flatten(2).transpose(1, 2);  // [B, P, c]; a view of a channels-last map
  const at::Tensor tokens = at::gelu(grid_projection_->forward(grid));
  const at::Tensor cls = at::gelu(cls_projection_->forward(grid.mean(1, true)));
  std::vector<at::Tensor> states = {at::cat({cls, tokens}, 1)};
  if (position_embeddings_.defined()) states[0] = states[0] + position_embeddings_;
  for (const auto& layer : *layers_) {
    states.push_back(recomputable([one = layer->as<TransformerLayer>()](const at::Tensor& x, const at::Tensor& bias,
                                                                        DropoutSource* from) { return one->forward(x, bias, from); },
                                  states.back(), at::Tensor(), source));
  }
  return states;
}

ImageEncoderImpl::ImageEncoderImpl(const ImageEncoderOptions& options, std::shared_ptr<ImageBackbone> backbone)
    : ImageTransformerImpl(options) {
  if (backbone == nullptr) backbone = std::make_shared<ResNetImpl>(options.backbone);
  if (backbone->feature_size() != options.channels()) {
    throw ConfigError(
        fmt::format("image encoder: the backbone gives {} channels, expected {}", backbone->feature_size(), options.channels()));
  }
  backbone_ = register_module("backbone", std::move(backbone));
}

std::shared_ptr<ImageBackbone> ImageEncoderImpl::make_backbone_twin() const { return make_image_backbone(backbone_->config()); }

}  // namespace infig
