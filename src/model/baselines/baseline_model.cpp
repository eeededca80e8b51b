#include "model/baselines/baseline_model.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/log.h"
#include "core/random.h"
#include "encoders/picture_classifier.h"
#include "model/baselines/class_words.h"
#include "text/word_vectors.h"

namespace infig {
namespace {

// A module around a backbone, whose parameters are then image_encoder.backbone.* as INFIG's.
void register_tower(torch::nn::Module& model, const char* name, const std::shared_ptr<ImageBackbone>& backbone) {
  const auto tower = std::make_shared<torch::nn::Module>(name);
  tower->register_module("backbone", backbone);
  model.register_module(name, tower);
  for (auto& parameter : backbone->parameters()) parameter.set_requires_grad(false);
}

}  // namespace

BaselineModel::BaselineModel(const BaselineOptions& options, int64_t num_labels)
    : Model(num_labels), options_(std::dynamic_pointer_cast<const BaselineOptions>(std::shared_ptr<const ModelOptions>(options.clone()))) {
  const BaselineSizes sizes = options.sizes(num_labels);
  net_ = register_module("net", options.make_net(sizes));
  needs_ = net_->needs();
  vectors_found_ = register_buffer("vectors_found", at::zeros({sizes.words}, at::kByte));
  if (options.reads_pictures()) {
    backbone_ = make_image_backbone(options.image.backbone());
    register_tower(*this, "image_encoder", backbone_);
  }
  if (options.region_passes()) passes_ = std::make_unique<RegionPasses>(*backbone_, options.image.pixels, options.image.region_size);
  if (options.own_scene()) {
    scene_backbone_ = make_image_backbone(*options.image.published_scene);
    register_tower(*this, "scene_encoder", scene_backbone_);
  }
  if (!options.names_classes()) return;
  const ClassNames& names = options.class_names;
  class_weight_ = register_buffer("class_weight", at::zeros({names.classes, backbone_->feature_size()}));
  class_bias_ = register_buffer("class_bias", at::zeros({names.classes}));
  class_words_ = register_buffer("class_words", at::zeros({names.classes, names.width}, at::kLong));
}

std::vector<at::Tensor> BaselineModel::word_tables() const {
  std::vector<at::Tensor> tables;
  for (const auto& module : net_->modules()) {
    if (const auto* words = dynamic_cast<const WordVectorsImpl*>(module.get())) tables.push_back(words->named_parameters(false)["weight"]);
  }
  return tables;
}

// Every part has its own random stream, so that adding one does not change the others.
void BaselineModel::initialize(uint64_t seed) {
  if (backbone_ != nullptr && options_->image.model.empty()) backbone_->initialize(derive_seed(seed, "init.image_encoder"));
  net_->initialize(derive_seed(seed, "init.net"));
  const at::NoGradGuard no_grad;
  uint64_t number = 0;
  for (at::Tensor& table : word_tables()) {
    table.normal_(0, 0.1, at::detail::createCPUGenerator(derive_seed(seed, "init.words", number++)));
    table[kPaddingWord].zero_();
  }
  options_->complete_net(*net_);
}

void BaselineModel::load_pretrained() {
  const FrozenImageOptions& image = options_->image;
  const auto load = [](ImageBackbone& backbone, const std::string& path) {
    load_state_dict(backbone, state_dict(*load_image_backbone(path).backbone), path);
  };
  if (backbone_ != nullptr && !image.model.empty()) load(*backbone_, image.model);
  if (scene_backbone_ != nullptr) load(*scene_backbone_, image.scene_model);
  if (options_->names_classes()) load_class_names();
  if (!options_->words.vectors.empty()) load_vectors();
  options_->complete_net(*net_);
}

void BaselineModel::load_class_names() {
  const FrozenImageOptions& image = options_->image;
  const PictureClassifier classifier = load_picture_classifier(image.model, *backbone_);
  if (classifier.weight.size(0) != class_weight_.size(0)) {
    throw DataError(
        fmt::format("image.class_names={}: holds {} names, the classifier of image.model={} has {} classes; give the names of these",
                    image.class_names, class_weight_.size(0), image.model, classifier.weight.size(0)));
  }
  class_weight_.copy_(classifier.weight);
  class_bias_.copy_(classifier.bias);
  class_words_.copy_(class_word_table(options_->class_names.names, class_words_.size(1), *options_->vocabulary));
}

void BaselineModel::load_vectors() {
  const WordOptions& words = options_->words;
  const std::vector<at::Tensor> tables = word_tables();
  const at::NoGradGuard no_grad;
  const auto id_of = [this](std::string_view word) {
    const int64_t id = options_->vocabulary->id_of(word);
    return id == kUnknownWord ? int64_t{-1} : id;
  };
  const WordVectorCounts counts = read_word_vectors(words.vectors, words.size, id_of, [&](int64_t id, std::span<const float> vector) {
    const at::Tensor row = at::from_blob(const_cast<float*>(vector.data()), {words.size}, at::kFloat);
    for (const at::Tensor& table : tables) table[id].copy_(row);
    vectors_found_[id] = 1;
  });
  const int64_t wanted = static_cast<int64_t>(options_->vocabulary->words().size());
  if (counts.found == 0) {
    throw DataError(
        fmt::format("words.vectors={}: holds a vector of none of the vocabulary's {} words; words.clean decides how they are "
                    "written",
                    words.vectors, wanted));
  }
  log_info("{} of the vocabulary's {} words have a vector in {} (of {}); the others are random, N(0, 0.1)", counts.found, wanted,
           words.vectors, counts.rows);
}

nlohmann::json BaselineModel::facts() const {
  nlohmann::json facts = {{"word_rows", vectors_found_.size(0)}, {"marks", marks()}};
  if (!options_->words.vectors.empty()) {
    facts["word_vectors"] = {{"file", std::filesystem::path(options_->words.vectors).filename().string()},
                             {"found", vectors_found_.sum().item<int64_t>()}};
  }
  if (backbone_ != nullptr) facts["image_backbone"] = backbone_->config();
  if (scene_backbone_ != nullptr) facts["scene_backbone"] = scene_backbone_->config();
  if (options_->names_classes()) facts["class_names"] = {{"classes", class_words_.size(0)}, {"width", class_words_.size(1)}};
  facts.update(options_->net_facts());
  return facts;
}

at::Tensor BaselineModel::rounded(const at::Tensor& features) const {
  return half_features() ? features.to(at::kHalf).to(at::kFloat) : features;
}

// `stored`: the tower's output from the cache, or undefined.
BaselineModel::Features BaselineModel::features(ImageBackbone& backbone, const at::Tensor& stored, const Batch& batch, bool grid,
                                                bool pooled) const {
  const at::NoGradGuard no_grad;
  const AutocastScope fp32(Precision::kFp32, batch.device());
  Features found;
  if (!grid) {
    const bool ready = stored.defined();
    at::Tensor mean = ready ? stored : rounded(backbone.pooled(backbone.features_where(batch.pixel_values, batch.has_image)));
    found.pooled = mean.masked_fill(batch.has_image.logical_not().unsqueeze(1), 0.0);
    return found;
  }
  const at::Tensor map = stored.defined() ? stored : rounded(backbone.features_where(batch.pixel_values, batch.has_image));
  const at::Tensor missing = batch.has_image.logical_not();
  found.grid = backbone.grid(map).masked_fill(missing.view({-1, 1, 1}), 0.0);
  if (pooled) found.pooled = backbone.pooled(map).masked_fill(missing.unsqueeze(1), 0.0);
  return found;
}

// Regions are the grid; what tells the picture's classes is a pass of its own over the picture in one piece.
BaselineModel::Features BaselineModel::region_features(const Batch& batch) const {
  const at::NoGradGuard no_grad;
  const AutocastScope fp32(Precision::kFp32, batch.device());
  const at::Tensor stored = batch.feature_map;
  const at::Tensor map = stored.defined() ? stored : rounded(passes_->features(batch.pixel_values, batch.has_image));
  const at::Tensor missing = batch.has_image.logical_not();
  Features found;
  found.grid = map.flatten(2).transpose(1, 2).masked_fill(missing.view({-1, 1, 1}), 0.0);
  if (!options_->names_classes()) return found;
  const auto column = batch.columns.find(BatchColumn::kWhole);
  const at::Tensor whole = column != batch.columns.end()
                               ? column->second
                               : rounded(backbone_->pooled(backbone_->features_where(batch.pixel_values, batch.has_image)));
  found.pooled = whole.masked_fill(missing.unsqueeze(1), 0.0);
  return found;
}

void BaselineModel::add_picture(BaselineInputs& inputs, const Batch& batch) {
  const bool shared = scene_backbone_ == nullptr;
  const bool grid = needs_.object_grid || (shared && needs_.scene_grid);
  const bool pooled = needs_.object || (shared && needs_.scene) || options_->names_classes();
  const Features object = passes_ ? region_features(batch) : features(*backbone_, batch.feature_map, batch, grid, pooled);
  const auto scene_column = batch.columns.find(BatchColumn::kScene);
  const at::Tensor stored = scene_column == batch.columns.end() ? at::Tensor() : scene_column->second;
  const Features scene = shared ? object : features(*scene_backbone_, stored, batch, needs_.scene_grid, needs_.scene);
  if (needs_.object_grid) inputs.object_grid = object.grid;
  if (needs_.object) inputs.object = object.pooled;
  if (needs_.scene_grid) inputs.scene_grid = scene.grid;
  if (needs_.scene) inputs.scene = scene.pooled;
  if (options_->names_classes()) add_class_words(inputs, object.pooled);
}

void BaselineModel::add_class_words(BaselineInputs& inputs, const at::Tensor& pooled) const {
  constexpr int64_t kTop = 5;
  const at::NoGradGuard no_grad;
  const AutocastScope fp32(Precision::kFp32, pooled.device());
  const at::Tensor scores = at::linear(pooled, class_weight_, class_bias_);
  const at::Tensor missing = inputs.has_image.logical_not().unsqueeze(1);
  if (needs_.captions && options_->captions.from == PictureWords::kClasses)
    inputs.captions = caption_of_classes(scores, class_words_, kTop, options_->captions.max_length).masked_fill(missing, kPaddingWord);
  if (needs_.attributes && options_->attributes.from == PictureWords::kClasses)
    inputs.attributes = attributes_of_classes(scores, class_words_, options_->attributes.count).masked_fill(missing, kPaddingWord);
}

BaselineInputs BaselineModel::read(const Batch& batch, const ForwardOptions& how) {
  BaselineInputs inputs;
  inputs.has_text = batch.has_text;
  inputs.has_image = batch.has_image;
  inputs.labels = batch.labels;
  const at::Tensor ids = batch.input_ids.size(1) > 0 ? batch.input_ids : at::constant_pad_nd(batch.input_ids, {0, 1}, kPaddingWord);
  inputs.words = ids.masked_fill(batch.has_text.logical_not().unsqueeze(1), kPaddingWord);
  const auto column = [&batch](BatchColumn wanted) {
    const auto found = batch.columns.find(wanted);
    return found == batch.columns.end() ? at::Tensor() : found->second;
  };
  if (needs_.captions) inputs.captions = column(BatchColumn::kCaptions);
  if (needs_.attributes) inputs.attributes = column(BatchColumn::kAttributes);
  if (backbone_ != nullptr) {
    const StageScope scope(how.timer, "image");
    add_picture(inputs, batch);
  }
  return inputs;
}

ModelOutput BaselineModel::forward(const Batch& batch, const ForwardOptions& how) {
  const BaselineInputs inputs = read(batch, how);
  const StageScope scope(how.timer, "fusion");
  return {.logits = net_->logits(inputs, how.dropout).to(at::kFloat), .attention = {}, .scores = {}};
}

std::unique_ptr<Objective> BaselineModel::make_objective(const ObjectiveContext& context) {
  return std::make_unique<BaselineObjective>(*this, context);
}

BaselineObjective::BaselineObjective(BaselineModel& model, const ObjectiveContext& context)
    : model_(model), classifier_(model, context), ranks_(context.ranks->size()) {
  const at::NoGradGuard no_grad;
  if (model.net().penalty().defined()) names_.emplace_back("penalty");
}

at::Tensor BaselineObjective::share_of_penalty(const at::Device& device) {
  if (names_.empty()) return {};
  const AutocastScope fp32(Precision::kFp32, device);
  return model_.net().penalty() / static_cast<double>(ranks_);
}

Losses BaselineObjective::step(const Batch& batch, const ForwardOptions& how) {
  Losses losses = classifier_.step(batch, how);
  const at::Tensor share = share_of_penalty(batch.device());
  if (!share.defined()) return losses;
  losses.others.push_back({"penalty", {.sum = share, .count = 1}});
  losses.total = losses.total + share;
  return losses;
}

Losses BaselineObjective::step_in_parts(const Batch& batch, const ForwardOptions& how, const PartOptions& parts) {
  // Before the parts, of which the last one starts to add up the gradients of all ranks.
  const at::Tensor share = share_of_penalty(batch.device());
  if (share.defined()) (share * parts.loss_scale).backward();
  Losses losses = classifier_.step_in_parts(batch, how, parts);
  if (!share.defined()) return losses;
  losses.others.push_back({"penalty", {.sum = share.detach(), .count = 1}});
  losses.total = losses.total + share.detach();
  return losses;
}

}  // namespace infig
