#include "model/baselines/clmlf.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "archive/weight_archive.h"
#include "core/error.h"
#include "core/random.h"
#include "encoders/weight_names.h"
#include "model/baselines/clmlf_objective.h"
#include "model/baselines/layers.h"
#include "nn/linear.h"
#include "nn/transformer.h"

namespace infig {
namespace {

constexpr int64_t kReleasedLogits = 3;

}  // namespace

ContrastMlpImpl::ContrastMlpImpl(int64_t size) {
  hidden_ = register_module("hidden", linear(size, size));
  output_ = register_module("output", linear(size, size));
}

at::Tensor ContrastMlpImpl::forward(const at::Tensor& x) { return output_->forward(at::gelu(hidden_->forward(x))); }

ClmlfModelImpl::ClmlfModelImpl(const ClmlfOptions& options, int64_t num_labels) : Model(num_labels), options_(options) {
  const int64_t d = options.hidden_size();
  text_encoder = register_module("text_encoder", make_text_encoder(options.towers.text.tower()));
  image_backbone = register_module("image_backbone", make_image_backbone(options.towers.image.backbone()));
  const int64_t channels = image_backbone->feature_size();
  text_projection = register_module("text_projection", linear(d, d));
  grid_projection = register_module("grid_projection", linear(channels, d));
  cls_projection = register_module("cls_projection", linear(channels, d));
  image = register_module("image", FusionTransformer(options.towers.image.encoder.layer, options.towers.image.encoder.num_hidden_layers));
  fusion = register_module("fusion", FusionTransformer(options.towers.fusion.layer, options.towers.fusion.layers));
  pooling = register_module("pooling", AttentionPooling(d));
  head_dense = register_at(*this, "head.dense", linear(d, d / 2));
  head_classifier = register_at(*this, "head.classifier", linear(d / 2, logits_width()));
  contrast_first = register_at(*this, "contrast.first", ContrastMlp(d));
  contrast_second = register_at(*this, "contrast.second", ContrastMlp(d));
  if (options.towers.image.finetune) return;
  for (auto& parameter : image_backbone->parameters()) parameter.set_requires_grad(false);
}

int64_t ClmlfModelImpl::logits_width() const { return options_.net.strict ? std::max(kReleasedLogits, num_labels()) : num_labels(); }

// Layers that are not published start as PyTorch's do, as in the released code. Every part has its own stream.
void ClmlfModelImpl::initialize(uint64_t seed) {
  if (options_.towers.text.model.empty()) text_encoder->initialize(derive_seed(seed, "init.text_encoder"));
  if (options_.towers.image.model.empty()) image_backbone->initialize(derive_seed(seed, "init.image_backbone"));
  initialize_baseline(*this, StartRule::kTorch, derive_seed(seed, "init.clmlf"), {"text_encoder.", "image_backbone."});
}

void ClmlfModelImpl::load_pretrained() {
  const std::string &text = options_.towers.text.model, &picture = options_.towers.image.model;
  if (!text.empty()) load_published(*text_encoder, load_tensors(text), text_encoder->names(), weights_file(text).string());
  if (!picture.empty()) load_state_dict(*image_backbone, state_dict(*load_image_backbone(picture).backbone), picture);
}

// With strict the token that a cut text loses is asked for and cut off again, so that shorter texts keep theirs.
LoaderInputs ClmlfModelImpl::inputs(const Tokenizer* tokenizer) const {
  return {.tokenizer = tokenizer,
          .max_length = options_.towers.text.max_length + (options_.net.strict ? 1 : 0),
          .pixels = options_.towers.image.pixels};
}

std::optional<int64_t> ClmlfModelImpl::layers_above(const std::string& parameter) const {
  constexpr std::string_view kText = "text_encoder.";
  if (!parameter.starts_with(kText)) return std::nullopt;
  return text_encoder->num_hidden_layers() + 1 - text_encoder->layer_of(parameter.substr(kText.size()));
}

nlohmann::json ClmlfModelImpl::facts() const {
  return {{"text_encoder", text_encoder->config()}, {"image_backbone", image_backbone->config()}, {"marks", options_.marks()}};
}

ClmlfView ClmlfModelImpl::first_view(const Batch& batch) const {
  return {.input_ids = batch.input_ids,
          .attention_mask = batch.attention_mask,
          .pixel_values = batch.pixel_values,
          .features = batch.feature_map,
          .has_image = batch.has_image};
}

ClmlfView ClmlfModelImpl::second_view(const Batch& batch) const {
  const auto found = batch.columns.find(BatchColumn::kSecondText);
  if (found == batch.columns.end()) throw ShapeError("clmlf: the batch has no second view of its texts");
  const at::Tensor& shifted = found->second;
  const at::Tensor there = shifted.ne(0);
  return {.input_ids = at::where(there, shifted - 1, at::full_like(shifted, text_encoder->pad_token_id())),
          .attention_mask = there.to(at::kLong),
          .pixel_values = batch.pixel_values,
          .features = batch.feature_map,
          .has_image = batch.has_image};
}

at::Tensor ClmlfModelImpl::features_of(const ClmlfView& view, const ForwardOptions& how) {
  if (view.features.defined()) return view.features;
  const StageScope scope(how.timer, "image");
  const bool statistics = how.training && (options_.net.strict || options_.towers.image.batch_norm_train);
  if (options_.towers.image.finetune) return image_backbone->features(view.pixel_values, statistics);
  const at::AutoGradMode no_grad(false);
  const AutocastScope fp32(Precision::kFp32, view.pixel_values.device());
  const at::Tensor features =
      statistics ? image_backbone->features(view.pixel_values, true) : image_backbone->features_where(view.pixel_values, view.has_image);
  return half_features() ? features.to(at::kHalf).to(at::kFloat) : features;
}

at::Tensor ClmlfModelImpl::text_tokens(const ClmlfView& view, const ForwardOptions& how) {
  const StageScope scope(how.timer, "text");
  at::Tensor states;
  {
    const at::AutoGradMode gradients(at::GradMode::is_enabled() && !text_frozen_);
    states = text_encoder->forward(view.input_ids, view.attention_mask, how.dropout).back();
  }
  return at::gelu(text_projection->forward(states));
}

at::Tensor ClmlfModelImpl::image_tokens(const at::Tensor& features, const Batch& batch, const ForwardOptions& how) {
  const StageScope scope(how.timer, "image");
  const int64_t posts = features.size(0), channels = features.size(1), cells = features.size(2) * features.size(3);
  const at::Tensor grid = options_.net.strict ? features.contiguous(at::MemoryFormat::Contiguous).view({posts, cells, channels})
                                              : features.flatten(2).transpose(1, 2);
  const at::Tensor first = at::gelu(cls_projection->forward(features.mean({2, 3})));
  const at::Tensor tokens = at::cat({first.unsqueeze(1), at::gelu(grid_projection->forward(grid))}, 1);
  return image->forward(tokens, batch.has_image.unsqueeze(1).expand({posts, cells + 1}), how.dropout);
}

at::Tensor ClmlfModelImpl::represent(const ClmlfView& whole, const Batch& batch, const ForwardOptions& how) {
  ClmlfView view = whole;
  if (options_.net.strict) {  // see inputs()
    view.input_ids = view.input_ids.slice(1, 0, options_.towers.text.max_length);
    view.attention_mask = view.attention_mask.slice(1, 0, options_.towers.text.max_length);
  }
  const at::Tensor text = text_tokens(view, how);
  const at::Tensor picture = image_tokens(view.features, batch, how);
  const StageScope scope(how.timer, "fusion");
  const at::Tensor mask = at::cat({view.attention_mask.to(at::kBool).logical_and(batch.has_text.unsqueeze(1)),
                                   batch.has_image.unsqueeze(1).expand({picture.size(0), picture.size(1)})},
                                  1);
  return pooling->forward(fusion->forward(at::cat({text, picture}, 1), mask, how.dropout), mask).output;
}

at::Tensor ClmlfModelImpl::classify(const at::Tensor& pooled, DropoutSource* source) {
  return head_classifier->forward(at::gelu(head_dense->forward(dropout(pooled, options_.net.dropout, source)))).to(at::kFloat);
}

ModelOutput ClmlfModelImpl::forward(const Batch& batch, const ForwardOptions& how) {
  ClmlfView view = first_view(batch);
  view.features = features_of(view, how);
  ModelOutput output;
  output.logits = classify(represent(view, batch, how), how.dropout).narrow(1, 0, num_labels());
  return output;
}

std::unique_ptr<Objective> ClmlfModelImpl::make_objective(const ObjectiveContext& context) {
  return std::make_unique<ClmlfObjective>(ClmlfModel(std::dynamic_pointer_cast<ClmlfModelImpl>(shared_from_this())), context);
}

std::shared_ptr<Model> ClmlfOptions::make_model(int64_t num_labels) const { return std::make_shared<ClmlfModelImpl>(*this, num_labels); }

}  // namespace infig
