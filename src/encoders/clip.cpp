#include "encoders/clip.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/error.h"
#include "encoders/image_backbone.h"
#include "nn/initialize.h"
#include "nn/linear.h"

namespace infig {
namespace {

torch::nn::LayerNorm clip_norm(const ClipTowerOptions& tower) {
  return torch::nn::LayerNorm(torch::nn::LayerNormOptions({tower.hidden_size}).eps(tower.layer_norm_eps));
}

torch::nn::ModuleList add_clip_layers(torch::nn::Module& parent, const ClipTowerOptions& tower) {
  auto layers = add_scope(parent, "encoder")->register_module("layers", torch::nn::ModuleList());
  for (int64_t n = 0; n < tower.num_hidden_layers; ++n) layers->push_back(ClipLayer(tower));
  return layers;
}

at::Tensor add_clip_table(torch::nn::Module& parent, const std::string& name, const std::vector<int64_t>& shape) {
  return add_scope(parent, name)->register_parameter("weight", at::zeros(shape));
}

}  // namespace

ClipLayerImpl::ClipLayerImpl(const ClipTowerOptions& options) : heads_(options.num_attention_heads) {
  const int64_t hidden = options.hidden_size;
  const auto attention = add_scope(*this, "self_attn");
  query_ = attention->register_module("q_proj", linear(hidden, hidden));
  key_ = attention->register_module("k_proj", linear(hidden, hidden));
  value_ = attention->register_module("v_proj", linear(hidden, hidden));
  out_ = attention->register_module("out_proj", linear(hidden, hidden));
  norm1_ = register_module("layer_norm1", clip_norm(options));
  const auto mlp = add_scope(*this, "mlp");
  fc1_ = ActivatedLinear(mlp->register_module("fc1", linear(hidden, options.intermediate_size)), options.hidden_act);
  fc2_ = mlp->register_module("fc2", linear(options.intermediate_size, hidden));
  norm2_ = register_module("layer_norm2", clip_norm(options));
  packed_qkv_ = PackedLinear({query_, key_, value_});
  packed_out_ = PackedLinear({out_});
  packed_fc2_ = PackedLinear({fc2_});
}

at::Tensor ClipLayerImpl::forward(const at::Tensor& x, bool causal) {
  const int64_t posts = x.size(0), tokens = x.size(1), width = x.size(2);
  const at::Tensor normed = norm1_->forward(x);
  const at::Tensor joined = packed_qkv_.usable(normed)
                                ? packed_qkv_.forward(normed)
                                : at::cat({query_->forward(normed), key_->forward(normed), value_->forward(normed)}, 2);
  const at::Tensor all = joined.view({posts, tokens, 3, heads_, width / heads_}).permute({2, 0, 3, 1, 4});  // [3, B, H, T, d]
  const at::Tensor context =
      at::scaled_dot_product_attention(all[0], all[1], all[2], std::nullopt, 0.0, causal).transpose(1, 2).reshape({posts, tokens, width});
  const at::Tensor h = packed_out_.usable(context) ? packed_out_.forward_add(context, x) : out_->forward(context) + x;
  const at::Tensor wide = fc1_.forward(norm2_->forward(h));
  return packed_fc2_.usable(wide) ? packed_fc2_.forward_add(wide, h) : fc2_->forward(wide) + h;
}

ClipModelImpl::ClipModelImpl(const ClipOptions& options) : options_((options.validate(), options)) {
  const int64_t wide = options.vision.hidden_size, narrow = options.text.hidden_size, side = options.image_size / options.patch_size;
  const auto text = add_scope(*this, "text_model");
  const auto text_embeddings = add_scope(*text, "embeddings");
  token_embedding_ = add_clip_table(*text_embeddings, "token_embedding", {options.vocab_size, narrow});
  text_positions_ = add_clip_table(*text_embeddings, "position_embedding", {options.max_position_embeddings, narrow});
  text_layers_ = add_clip_layers(*text, options.text);
  final_norm_ = text->register_module("final_layer_norm", clip_norm(options.text));
  const auto vision = add_scope(*this, "vision_model");
  const auto vision_embeddings = add_scope(*vision, "embeddings");
  class_embedding_ = vision_embeddings->register_parameter("class_embedding", at::zeros({wide}));
  patch_weight_ = add_clip_table(*vision_embeddings, "patch_embedding", {wide, 3, options.patch_size, options.patch_size});
  vision_positions_ = add_clip_table(*vision_embeddings, "position_embedding", {1 + side * side, wide});
  if (options.pre_norm) pre_norm_ = vision->register_module("pre_layrnorm", clip_norm(options.vision));  // as published
  vision_layers_ = add_clip_layers(*vision, options.vision);
  post_norm_ = vision->register_module("post_layernorm", clip_norm(options.vision));
  visual_projection_ = register_module("visual_projection", linear(wide, options.projection_dim, false));
  text_projection_ = register_module("text_projection", linear(narrow, options.projection_dim, false));
}

std::string ClipModelImpl::settings() const {
  std::string all;
  for (const ClipTowerOptions& tower : {options_.vision, options_.text}) {
    if (tower.hidden_act == Activation::kQuickGelu && tower.layer_norm_eps == 1e-5) continue;
    all += fmt::format("{} {} heads eps {}\n", activation_name(tower.hidden_act), tower.num_attention_heads, tower.layer_norm_eps);
  }
  return all;
}

void ClipModelImpl::initialize(uint64_t seed) { initialize_transformer(*this, 0.02, seed); }

at::Tensor ClipModelImpl::image_embeds(const at::Tensor& pixel_values) {
  check_pixel_values("CLIP", pixel_values);
  if (pixel_values.size(2) != options_.image_size || pixel_values.size(3) != options_.image_size) {
    throw ShapeError(fmt::format("CLIP: expected pictures of {0} x {0} pixels, found [{1}]", options_.image_size,
                                 fmt::join(pixel_values.sizes(), ", ")));
  }
  const at::Tensor patches = at::conv2d(pixel_values, patch_weight_, {}, {options_.patch_size, options_.patch_size});
  const at::Tensor tokens = patches.flatten(2).transpose(1, 2);  // [B, P, D]
  const at::Tensor first = class_embedding_.expand({pixel_values.size(0), 1, -1});
  at::Tensor x = at::cat({first, tokens}, 1) + vision_positions_;
  if (options_.pre_norm) x = pre_norm_->forward(x);
  for (const auto& layer : *vision_layers_) x = layer->as<ClipLayer>()->forward(x, false);
  if (!options_.mean_pool) return visual_projection_->forward(post_norm_->forward(x.select(1, 0)));
  const at::Tensor patches_out = x.narrow(1, 1, x.size(1) - 1);
  return visual_projection_->forward(options_.norm_after_pool ? post_norm_->forward(patches_out.mean(1))
                                                              : post_norm_->forward(patches_out).mean(1));
}

at::Tensor ClipModelImpl::text_embeds(const at::Tensor& input_ids) {
  if (input_ids.dim() != 2 || input_ids.scalar_type() != at::kLong || input_ids.size(1) < 1 ||
      input_ids.size(1) > options_.max_position_embeddings) {
    throw ShapeError(fmt::format("CLIP: expected input_ids [B, L] int64 with 1 <= L <= {}, found [{}] {}", options_.max_position_embeddings,
                                 fmt::join(input_ids.sizes(), ", "), c10::toString(input_ids.scalar_type())));
  }
  at::Tensor x = at::embedding(token_embedding_, input_ids) + text_positions_.narrow(0, 0, input_ids.size(1));
  for (const auto& layer : *text_layers_) x = layer->as<ClipLayer>()->forward(x, true);
  const at::Tensor end =
      options_.eos_token_id == 2 ? input_ids.argmax(1) : input_ids.eq(options_.eos_token_id).to(at::kInt).argmax(1);  // [B]
  const at::Tensor at_end = x.gather(1, end.view({-1, 1, 1}).expand({-1, 1, x.size(2)})).squeeze(1);
  return text_projection_->forward(final_norm_->forward(at_end));
}

}  // namespace infig
