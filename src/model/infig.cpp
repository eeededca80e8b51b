#include "model/infig.h"

#include <nlohmann/json.hpp>
#include <string_view>

#include "archive/weight_archive.h"
#include "core/random.h"
#include "encoders/image_encoder.h"
#include "encoders/vision_tower.h"
#include "encoders/weight_names.h"
#include "nn/initialize.h"
#include "nn/linear.h"

namespace infig {

AlignmentParametersImpl::AlignmentParametersImpl(int64_t hidden_size, int64_t proj_dim, double start, bool learn_temperature) {
  temperature = register_parameter("temperature", at::full({}, start, at::kFloat), learn_temperature);
  if (proj_dim > 0) {
    image_projection = register_module("image_projection", linear(hidden_size, proj_dim));
    text_projection = register_module("text_projection", linear(hidden_size, proj_dim));
  }
}

void AlignmentParametersImpl::add_clip(int64_t embed_dim, int64_t clip_dim) {
  clip_image_projection = register_module("clip_image_projection", linear(embed_dim, clip_dim));
  clip_text_projection = register_module("clip_text_projection", linear(embed_dim, clip_dim));
}

void AlignmentParametersImpl::initialize(double std, uint64_t seed) {
  uint64_t part = 0;
  for (auto* projection : {&image_projection, &text_projection, &clip_image_projection, &clip_text_projection}) {
    if (!projection->is_empty()) initialize_transformer(**projection, std, derive_seed(seed, "projection", part));
    ++part;
  }
}

std::shared_ptr<ImageTower> make_image_tower(const ImageModelOptions& options) {
  if (const auto network = options.vision()) return std::make_shared<VisionTowerImpl>(options.vision_tower(*network));
  return std::make_shared<ImageEncoderImpl>(options.encoder, make_image_backbone(options.backbone()));
}

InfigModelImpl::InfigModelImpl(const InfigOptions& options, int64_t num_labels) : Model(num_labels), options_(options) {
  const int64_t d = options.hidden_size();
  text_encoder = register_module("text_encoder", make_text_encoder(options.text.tower()));
  image_encoder = register_module("image_encoder", make_image_tower(options.image));
  fusion = register_module("fusion", FusionTransformer(options.fusion.layer, options.fusion.layers, options.fusion.null_tokens));
  pooling = register_module("pooling", AttentionPooling(d));
  head = register_module(
      "head",
      Head(HeadOptions{.hidden_size = d, .num_labels = num_labels, .dropout = options.head_dropout, .gelu_logits = options.gelu_logits}));
  gam = register_module("gam", AlignmentParameters(d, options.gam.proj_dim, options.gam.temperature, options.gam.learn_temperature));
  if (options.clip.embed_dim > 0) gam->add_clip(options.clip.embed_dim, options.gam.clip_dim);
  hfam = register_module("hfam", AlignmentParameters(d, options.hfam.proj_dim, options.hfam.temperature, options.hfam.learn_temperature));
  if (!options.image.finetune) {
    for (auto& parameter : image_encoder->backbone()->parameters()) parameter.set_requires_grad(false);
  }
}

InfigModelImpl::InfigModelImpl(const InfigOptions& options, int64_t num_labels, uint64_t seed) : InfigModelImpl(options, num_labels) {
  initialize(seed);
  load_pretrained();
}

// Published parts keep their weights. Every other part has its own random stream, so that adding one does not change the others.
void InfigModelImpl::initialize(uint64_t seed) {
  const double range = options_.image.encoder.initializer_range;
  if (options_.text.model.empty()) text_encoder->initialize(derive_seed(seed, "init.text_encoder"));
  image_encoder->initialize(derive_seed(seed, "init.image_encoder"));
  if (options_.image.model.empty()) image_encoder->backbone()->initialize(derive_seed(seed, "init.image_encoder"));
  initialize_transformer(*fusion, range, derive_seed(seed, "init.fusion"));
  initialize_transformer(*pooling, range, derive_seed(seed, "init.pooling"));
  initialize_transformer(*head, range, derive_seed(seed, "init.head"));
  gam->initialize(range, derive_seed(seed, "init.gam"));
  hfam->initialize(range, derive_seed(seed, "init.hfam"));
}

void InfigModelImpl::load_pretrained() {
  const std::string& text = options_.text.model;
  if (!text.empty()) load_published(*text_encoder, load_tensors(text), text_encoder->names(), weights_file(text).string());
  const std::string& image = options_.image.model;
  if (!image.empty()) image_encoder->load_backbone(*load_image_backbone(image).backbone, image);
}

LoaderInputs InfigModelImpl::inputs(const Tokenizer* tokenizer) const {
  return {.tokenizer = tokenizer, .max_length = options_.text.max_length, .pixels = options_.image.pixels};
}

std::optional<int64_t> InfigModelImpl::layers_above(const std::string& parameter) const {
  constexpr std::string_view kText = "text_encoder.", kImage = "image_encoder.";
  if (parameter.starts_with(kText)) return text_encoder->num_hidden_layers() + 1 - text_encoder->layer_of(parameter.substr(kText.size()));
  // Of a Vision Transformer all layers are published; those over a convolutional backbone are not.
  if (!options_.image.vision() || !parameter.starts_with(kImage) || parameter.starts_with("image_encoder.projection.")) return std::nullopt;
  return image_encoder->num_hidden_layers() + 1 - image_encoder->layer_of(parameter.substr(kImage.size()));
}

nlohmann::json InfigModelImpl::facts() const {
  nlohmann::json facts = {{"text_encoder", text_encoder->config()}, {"image_backbone", image_encoder->backbone()->config()}};
  if (options_.clip.embed_dim > 0) facts["clip_embed_dim"] = options_.clip.embed_dim;
  return facts;
}

std::shared_ptr<Model> InfigOptions::make_model(int64_t num_labels) const { return std::make_shared<InfigModelImpl>(*this, num_labels); }

ForwardResult InfigModelImpl::run(const Batch& batch, const ForwardOptions& how) {
  ForwardResult result = encode(batch, how);
  classify(result, batch, how);
  return result;
}

at::Tensor InfigModelImpl::features_of(const Batch& batch, const ForwardOptions& how) const {
  if (batch.feature_map.defined()) return batch.feature_map;
  const StageScope scope(how.timer, "image");
  if (options_.image.finetune) {
    return image_encoder->features(batch.pixel_values, how.training && options_.image.batch_norm_train,
                                   {.rate = options_.image.drop_path, .source = how.dropout});
  }
  const at::AutoGradMode no_grad(false);
  const AutocastScope fp32(Precision::kFp32, batch.pixel_values.device());
  const at::Tensor features = image_encoder->backbone()->features_where(batch.pixel_values, batch.has_image);
  return half_features() ? features.to(at::kHalf).to(at::kFloat) : features;
}

ForwardResult InfigModelImpl::encode(const Batch& batch, const ForwardOptions& how) {
  ForwardResult result;
  result.feature_map = features_of(batch, how);
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
  result.image_tokens = image.size(1);
  result.text_skip = skip;
  result.logits = head->forward(pooled.output, how.dropout).to(at::kFloat);
}

}  // namespace infig
