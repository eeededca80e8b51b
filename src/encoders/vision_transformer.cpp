#include "encoders/vision_transformer.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "nn/attention.h"
#include "nn/initialize.h"
#include "nn/linear.h"
#include "nn/recompute.h"
#include "nn/transformer.h"

namespace infig {
namespace {

torch::nn::LayerNorm vision_norm(const VisionTransformerOptions& options) {
  return torch::nn::LayerNorm(torch::nn::LayerNormOptions({options.hidden_size}).eps(options.layer_norm_eps));
}

// Zero at first: initialize() or a checkpoint fills it.
at::Tensor add_vision_table(torch::nn::Module& root, const std::string& dotted, at::IntArrayRef shape) {
  const PartPlace place = place_of(root, dotted);
  return (place.parent == nullptr ? root : *place.parent).register_parameter(place.name, at::zeros(shape));
}

const char* layer_list(VisionKind kind) {
  return kind == VisionKind::kClip || kind == VisionKind::kSiglip ? "encoder.layers" : "encoder.layer";
}

}  // namespace

AttentionPoolingHeadImpl::AttentionPoolingHeadImpl(const VisionTransformerOptions& options)
    : heads_(options.num_attention_heads), activation_(options.hidden_act) {
  const int64_t hidden = options.hidden_size;
  probe_ = register_parameter("probe", at::zeros({1, 1, hidden}));
  in_weight_ = add_vision_table(*this, "attention.in_proj_weight", {3 * hidden, hidden});
  in_bias_ = add_vision_table(*this, "attention.in_proj_bias", {3 * hidden});
  out_ = register_at(*this, "attention.out_proj", linear(hidden, hidden));
  norm_ = register_module("layernorm", vision_norm(options));
  fc1_ = register_at(*this, "mlp.fc1", linear(hidden, options.intermediate_size));
  fc2_ = register_at(*this, "mlp.fc2", linear(options.intermediate_size, hidden));
}

at::Tensor AttentionPoolingHeadImpl::forward(const at::Tensor& x) {
  const std::vector<at::Tensor> weights = in_weight_.chunk(3, 0), biases = in_bias_.chunk(3, 0);
  const auto project = [&](const at::Tensor& from, size_t which) {
    const at::Tensor projected = at::linear(from, weights[which], biases[which]);
    return projected.view({projected.size(0), projected.size(1), heads_, -1}).transpose(1, 2);
  };
  const at::Tensor query = project(probe_, 0).expand({x.size(0), -1, -1, -1});
  const at::Tensor h = out_->forward(attend(query, project(x, 1), project(x, 2), at::Tensor(), 0.0, nullptr));
  return (h + fc2_->forward(activate(fc1_->forward(norm_->forward(h)), activation_))).select(1, 0);
}

VisionTransformerImpl::VisionTransformerImpl(const VisionTransformerOptions& options)
    : VisionTransformerImpl(options, {.embeddings = true, .first = 0, .last = options.num_hidden_layers}) {}

VisionTransformerImpl::VisionTransformerImpl(const VisionTransformerOptions& options, const VisionPart& part)
    : options_((options.validate(), options)), part_(part) {
  if (part.embeddings) make_embeddings();
  for (int64_t n = part.first; n < part.last; ++n)
    layers_.push_back(register_at(*this, fmt::format("{}.{}", layer_list(options.kind), n), PreNormLayer(options.layer())));
  if (part.last < options.num_hidden_layers) return;
  const bool post = options.kind == VisionKind::kClip || options.kind == VisionKind::kSiglip;
  final_norm_ = register_module(post ? "post_layernorm" : "layernorm", vision_norm(options));
  if (!options.has_cls()) head_ = register_module("head", AttentionPoolingHead(options));
}

void VisionTransformerImpl::make_embeddings() {
  const int64_t hidden = options_.hidden_size, patch = options_.patch_size, cells = options_.grid() * options_.grid();
  const bool clip = options_.kind == VisionKind::kClip, siglip = options_.kind == VisionKind::kSiglip;
  const std::string projection = clip || siglip ? "embeddings.patch_embedding" : "embeddings.patch_embeddings.projection";
  if (clip) cls_token_ = add_vision_table(*this, "embeddings.class_embedding", {hidden});
  if (!clip && !siglip) cls_token_ = add_vision_table(*this, "embeddings.cls_token", {1, 1, hidden});
  if (options_.kind == VisionKind::kDeit) distillation_token_ = add_vision_table(*this, "embeddings.distillation_token", {1, 1, hidden});
  if (options_.num_register_tokens > 0)
    register_tokens_ = add_vision_table(*this, "embeddings.register_tokens", {1, options_.num_register_tokens, hidden});
  patch_weight_ = add_vision_table(*this, projection + ".weight", {hidden, 3, patch, patch});
  if (!clip) patch_bias_ = add_vision_table(*this, projection + ".bias", {hidden});
  const int64_t rows = cells + options_.extra_tokens() - options_.num_register_tokens;
  position_embeddings_ = clip || siglip ? add_vision_table(*this, "embeddings.position_embedding.weight", {rows, hidden})
                                        : add_vision_table(*this, "embeddings.position_embeddings", {1, rows, hidden});
  if (clip) pre_norm_ = register_module("pre_layrnorm", vision_norm(options_));  // as published
}

// [1, positions, D] for a grid of rows x columns patches; resampled where it is another than the table's.
at::Tensor VisionTransformerImpl::positions(int64_t rows, int64_t columns) const {
  const int64_t side = options_.grid(), hidden = options_.hidden_size;
  at::Tensor table = position_embeddings_.view({1, -1, hidden});
  if (rows == side && columns == side) return table;
  const int64_t before = table.size(1) - side * side;
  const at::Tensor map = table.slice(1, before).reshape({1, side, side, hidden}).permute({0, 3, 1, 2}).to(at::kFloat);
  // transformers smooths before it samples down for the variant with registers alone.
  const at::Tensor resampled = options_.num_register_tokens > 0 ? at::_upsample_bicubic2d_aa(map, {rows, columns}, false)
                                                                : at::upsample_bicubic2d(map, {rows, columns}, false);
  const at::Tensor patches = resampled.to(table.scalar_type()).permute({0, 2, 3, 1}).reshape({1, -1, hidden});
  return at::cat({table.slice(1, 0, before), patches}, 1);
}

at::Tensor VisionTransformerImpl::embed(const at::Tensor& pixel_values) {
  check_pixel_values(options_.model_type.c_str(), pixel_values);
  const int64_t size = options_.image_size, patch = options_.patch_size;
  const bool fits = pixel_values.size(2) == size && pixel_values.size(3) == size;
  if (!fits && (!options_.any_size() || pixel_values.size(2) < patch || pixel_values.size(3) < patch)) {
    throw ShapeError(fmt::format("{}: expected pictures of {} x {} pixels, found [{}]", options_.model_type, size, size,
                                 fmt::join(pixel_values.sizes(), ", ")));
  }
  const std::optional<at::Tensor> bias = patch_bias_.defined() ? std::optional<at::Tensor>(patch_bias_) : std::nullopt;
  const at::Tensor map = at::conv2d(pixel_values, patch_weight_, bias, {patch, patch});
  std::vector<at::Tensor> parts;
  for (const at::Tensor& token : {cls_token_, distillation_token_}) {
    if (token.defined()) parts.push_back(token.view({1, 1, -1}).expand({map.size(0), 1, -1}));
  }
  parts.push_back(map.flatten(2).transpose(1, 2));  // [B, P, D]
  at::Tensor x = (parts.size() == 1 ? parts[0] : at::cat(parts, 1)) + positions(map.size(2), map.size(3));
  if (register_tokens_.defined()) x = at::cat({x.slice(1, 0, 1), register_tokens_.expand({x.size(0), -1, -1}), x.slice(1, 1)}, 1);
  return pre_norm_.is_empty() ? x : pre_norm_->forward(x);
}

std::vector<at::Tensor> VisionTransformerImpl::run(const at::Tensor& x, DropoutSource* source, const StochasticDepth& depth) {
  std::vector<at::Tensor> states = {x};
  const bool drops = source != nullptr;
  DropoutSource* const masks = drops ? source : depth.active() ? depth.source : nullptr;
  for (size_t n = 0; n < layers_.size(); ++n) {
    const double share = share_to_last(part_.first + static_cast<int64_t>(n), options_.num_hidden_layers);
    const double rate = depth.active() ? depth.rate : 0.0;
    states.push_back(recomputable(
        [one = layers_[n].get(), drops, rate, share](const at::Tensor& state, const at::Tensor&, DropoutSource* from) {
          return one->forward(state, drops ? from : nullptr, {.rate = rate, .source = from}, share);
        },
        states.back(), at::Tensor(), masks));
  }
  return states;
}

at::Tensor VisionTransformerImpl::tokens(const at::Tensor& state, bool last) {
  const at::Tensor normed = last ? final_norm_->forward(state) : state;
  const at::Tensor patches = normed.slice(1, options_.extra_tokens());
  if (options_.has_cls()) return at::cat({normed.slice(1, 0, 1), patches}, 1);
  return at::cat({head_->forward(last ? normed : final_norm_->forward(state)).unsqueeze(1), patches}, 1);
}

at::Tensor VisionTransformerImpl::features(const at::Tensor& pixel_values, bool /*batch_statistics*/, const StochasticDepth& depth) {
  const at::Tensor state = run(embed(pixel_values), nullptr, depth).back();
  return part_.last < options_.num_hidden_layers ? state : tokens(state, true);
}

std::vector<at::Tensor> VisionTransformerImpl::hidden_states(const at::Tensor& pixel_values) { return run(embed(pixel_values), nullptr); }

nlohmann::json VisionTransformerImpl::config() const { return to_json(options_); }

void VisionTransformerImpl::initialize(uint64_t seed) {
  initialize_transformer(*this, options_.initializer_range, seed);
  const at::NoGradGuard no_grad;
  for (const auto& item : named_parameters()) {
    if (item.key().ends_with(".lambda1")) at::Tensor(item.value()).fill_(1.0);
  }
}

}  // namespace infig
