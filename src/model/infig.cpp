#include "model/infig.h"

#include <nlohmann/json.hpp>

#include "core/random.h"
#include "encoders/deberta.h"
#include "encoders/weight_names.h"
#include "nn/initialize.h"

namespace infig {

AlignmentParametersImpl::AlignmentParametersImpl(int64_t hidden_size, int64_t proj_dim, double start, bool learn_temperature) {
  temperature = register_parameter("temperature", at::full({}, start, at::kFloat), learn_temperature);
  if (proj_dim > 0) {
    image_projection = register_module("image_projection", torch::nn::Linear(hidden_size, proj_dim));
    text_projection = register_module("text_projection", torch::nn::Linear(hidden_size, proj_dim));
  }
}

void AlignmentParametersImpl::add_clip(int64_t embed_dim, int64_t clip_dim) {
  clip_image_projection = register_module("clip_image_projection", torch::nn::Linear(embed_dim, clip_dim));
  clip_text_projection = register_module("clip_text_projection", torch::nn::Linear(embed_dim, clip_dim));
}

void AlignmentParametersImpl::initialize(double std, uint64_t seed) {
  uint64_t part = 0;
  for (auto* projection : {&image_projection, &text_projection, &clip_image_projection, &clip_text_projection}) {
    if (!projection->is_empty()) initialize_transformer(**projection, std, derive_seed(seed, "projection", part));
    ++part;
  }
}

std::shared_ptr<TextEncoder> make_text_encoder(const TextOptions& options) {
  if (options.published.empty()) return DebertaModel(options.encoder).ptr();
  return make_text_encoder(nlohmann::json::parse(options.published));
}

std::shared_ptr<ImageBackbone> make_backbone(const ImageModelOptions& options) {
  if (options.published.empty()) return ResNet(options.encoder.backbone).ptr();
  return make_image_backbone(nlohmann::json::parse(options.published));
}

PublishedParts load_published_parts(const InfigOptions& options) {
  PublishedParts parts;
  if (!options.text.model.empty()) {
    parts.text_encoder = make_text_encoder(options.text);
    load_published(*parts.text_encoder, load_tensors(options.text.model), parts.text_encoder->names(), options.text.model);
  }
  if (!options.image.model.empty()) parts.backbone = load_image_backbone(options.image.model).backbone;
  return parts;
}

InfigModelImpl::InfigModelImpl(const InfigOptions& options, int64_t num_labels, uint64_t seed, const PublishedParts& parts)
    : options_(options), num_labels_(num_labels) {
  const int64_t d = options.hidden_size();
  text_encoder = register_module("text_encoder", parts.text_encoder != nullptr ? parts.text_encoder : make_text_encoder(options.text));
  image_encoder = register_module(
      "image_encoder", ImageEncoder(options.image.encoder, parts.backbone != nullptr ? parts.backbone : make_backbone(options.image)));
  fusion = register_module("fusion", FusionTransformer(options.fusion.layer, options.fusion.layers, options.fusion.null_tokens));
  pooling = register_module("pooling", AttentionPooling(d));
  head = register_module(
      "head",
      Head(HeadOptions{.hidden_size = d, .num_labels = num_labels, .dropout = options.head_dropout, .gelu_logits = options.gelu_logits}));
  gam = register_module("gam", AlignmentParameters(d, options.gam.proj_dim, options.gam.temperature, options.gam.learn_temperature));
  if (options.clip.embed_dim > 0) gam->add_clip(options.clip.embed_dim, options.gam.clip_dim);
  hfam = register_module("hfam", AlignmentParameters(d, options.hfam.proj_dim, options.hfam.temperature, options.hfam.learn_temperature));

  if (parts.text_encoder == nullptr) text_encoder->initialize(derive_seed(seed, "init.text_encoder"));
  image_encoder->initialize(derive_seed(seed, "init.image_encoder"));
  if (parts.backbone == nullptr) image_encoder->backbone()->initialize(derive_seed(seed, "init.image_encoder"));
  initialize_transformer(*fusion, options.image.encoder.initializer_range, derive_seed(seed, "init.fusion"));
  initialize_transformer(*pooling, options.image.encoder.initializer_range, derive_seed(seed, "init.pooling"));
  initialize_transformer(*head, options.image.encoder.initializer_range, derive_seed(seed, "init.head"));
  gam->initialize(options.image.encoder.initializer_range, derive_seed(seed, "init.gam"));
  hfam->initialize(options.image.encoder.initializer_range, derive_seed(seed, "init.hfam"));
  if (!options.image.finetune) {
    for (auto& parameter : image_encoder->backbone()->parameters()) parameter.set_requires_grad(false);
  }
}

ForwardResult InfigModelImpl::forward(const Batch& batch, const ForwardOptions& how) {
  ForwardResult result = encode(batch, how);
  classify(result, batch, how);
  return result;
}

ForwardResult InfigModelImpl::encode(const Batch& batch, const ForwardOptions& how) {
  ForwardResult result;
  result.feature_map = batch.feature_map;
  if (!result.feature_map.defined()) {
    const StageScope scope(how.timer, "image");
    const at::AutoGradMode grad(options_.image.finetune && at::GradMode::is_enabled());
    result.feature_map = image_encoder->features(batch.pixel_values, how.training && options_.image.batch_norm_train);
  }
  {
    const StageScope scope(how.timer, "image");
    result.image_hidden = image_encoder->forward(result.feature_map, how.dropout);
  }
  {
    const StageScope scope(how.timer, "text");
    result.text_hidden = text_encoder->forward(batch.input_ids, batch.attention_mask, how.dropout);
  }
  return result;
}

void InfigModelImpl::classify(ForwardResult& result, const Batch& batch, const ForwardOptions& how) {
  const StageScope scope(how.timer, "fusion");
  const int64_t skip = options_.fusion.with_cls ? 0 : 1;  // row 29
  at::Tensor image = result.image_hidden.back().slice(1, skip);
  at::Tensor text = result.text_hidden.back().slice(1, skip);
  at::Tensor text_mask = batch.attention_mask.slice(1, skip).to(at::kBool).logical_and(batch.has_text.unsqueeze(1));
  at::Tensor image_mask = batch.has_image.unsqueeze(1).expand({image.size(0), image.size(1)});
  if (options_.fusion.null_tokens) {
    fusion->fill_missing(FusionTransformerImpl::Side::kImage, batch.has_image, image, image_mask);
    fusion->fill_missing(FusionTransformerImpl::Side::kText, batch.has_text, text, text_mask);
  }
  const at::Tensor mask = at::cat({image_mask, text_mask}, 1);
  const at::Tensor fused = fusion->forward(at::cat({image, text}, 1), mask, how.dropout, how.want_attention ? &result.attention : nullptr);
  Pooled pooled = pooling->forward(fused, mask);
  result.scores = pooled.scores;
  result.logits = head->forward(pooled.output, how.dropout).to(at::kFloat);
}

}  // namespace infig
