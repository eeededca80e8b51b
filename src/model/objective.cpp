#include "model/objective.h"

#include <fmt/format.h>

#include <algorithm>

#include "alignment/fine_grained.h"
#include "alignment/global.h"
#include "alignment/momentum.h"
#include "core/error.h"
#include "core/log.h"
#include "core/random.h"
#include "losses/info_nce.h"

namespace infig {
namespace {

const at::Tensor& from_end(const std::vector<at::Tensor>& hidden, int64_t layer) {
  return hidden[hidden.size() - static_cast<size_t>(layer)];
}

int64_t clamped_queue(int64_t wanted, int64_t train_posts, int64_t batch_size) {
  const int64_t limit = std::max<int64_t>(0, train_posts - batch_size);
  if (wanted <= limit) return wanted;
  log_warning(
      "gam.queue_size {} is clamped to {}: the training split has {} posts and a batch {}, and a longer queue would hold stale copies of "
      "the batch's own posts",
      wanted, limit, train_posts, batch_size);
  return limit;
}

}  // namespace

MomentumTwinsImpl::MomentumTwinsImpl(const InfigOptions& options) {
  text_encoder = register_module("text_encoder", make_text_encoder(options.text));
  image_encoder = register_module("image_encoder", ImageTransformer(options.image.encoder));
  if (options.gam.momentum_backbone) backbone = register_module("backbone", make_backbone(options.image));
  if (options.gam.proj_dim > 0 || options.clip.embed_dim > 0) {
    gam = register_module("gam", AlignmentParameters(options.hidden_size(), options.gam.proj_dim, options.gam.temperature, false));
    if (options.clip.embed_dim > 0) gam->add_clip(options.clip.embed_dim, options.gam.clip_dim);
  }
}

Objective::Objective(InfigModel model, int64_t train_posts, int64_t batch_size, uint64_t seed, ClassificationLossOptions classification)
    : model_(std::move(model)), options_(model_->options()), classification_(std::move(classification)) {
  if (options_.loss.lambda_g == 0) return;  // row 45: without GAM there are no twins and no queue
  const at::Device device = model_->parameters().front().device();
  twins_ = MomentumTwins(options_);
  twins_->to(device);
  copy_to_twin(*model_->text_encoder, *twins_->text_encoder);
  copy_to_twin(*model_->image_encoder, *twins_->image_encoder);
  if (twins_->backbone != nullptr) copy_to_twin(*model_->image_encoder->backbone(), *twins_->backbone);
  if (!twins_->gam.is_empty()) copy_to_twin(*model_->gam, *twins_->gam);

  const int64_t width = options_.global_size();
  queue_.emplace(clamped_queue(options_.gam.queue_size, train_posts, batch_size), width, device);
  if (options_.gam.queue_start == QueueStart::kRandom && queue_->capacity() > 0) {
    at::Generator generator = at::detail::createCPUGenerator(derive_seed(seed, "gam.queue"));
    const auto unit = [&] {
      const at::Tensor rows = at::randn({queue_->capacity(), width}, generator, at::kFloat);
      return rows / rows.norm(2, {1}, true);
    };
    const at::Tensor image = unit(), text = unit();
    queue_->push(image.to(device), text.to(device), at::full({queue_->capacity()}, -1, at::TensorOptions(at::kLong).device(device)));
  }
}

at::Tensor Objective::representation(Side side, const at::Tensor& cls, const Batch& batch, AlignmentParameters& parameters) const {
  const bool image = side == Side::kImage;
  at::Tensor own = cls, clip;
  if (!parameters.is_empty()) {  // a twin's are empty where there is nothing to project
    auto& projection = image ? parameters->image_projection : parameters->text_projection;
    auto& clip_projection = image ? parameters->clip_image_projection : parameters->clip_text_projection;
    if (!projection.is_empty()) own = projection->forward(cls);
    if (!clip_projection.is_empty()) clip = clip_projection->forward(batch.clip_embeds.select(1, image ? 0 : 1)).to(at::kFloat);
  }
  return global_representation(own.to(at::kFloat), clip, options_.gam.literal_concat);
}

Losses Objective::step(const Batch& batch, const ForwardOptions& how) {
  Losses losses;
  ForwardResult forward = model_->forward(batch, how);
  losses.logits = forward.logits;
  losses.classification = classification_loss(forward.logits, batch.labels, classification_);
  losses.total = losses.classification.mean();
  const at::Tensor both = batch.has_text.logical_and(batch.has_image);
  if (options_.loss.lambda_g > 0) {
    losses.gam = gam_loss(batch, forward, how);
    if (losses.gam.count > 0) losses.total = losses.total + losses.gam.mean() * options_.loss.lambda_g;
  }
  if (options_.loss.lambda_f > 0) {
    const StageScope scope(how.timer, "HFAM");
    losses.hfam = hfam_loss(batch, forward, both.nonzero().flatten());
    if (losses.hfam.count > 0) losses.total = losses.total + losses.hfam.mean() * options_.loss.lambda_f;
  }
  return losses;
}

LossTerm Objective::gam_loss(const Batch& batch, const ForwardResult& forward, const ForwardOptions& how) {
  const int64_t layer = options_.gam.layer;
  GlobalAlignmentInput input;
  {
    const StageScope scope(how.timer, "momentum");
    const at::NoGradGuard no_grad;
    // Row 8: the twins move first, then give the keys.
    update_twin(*model_->text_encoder, *twins_->text_encoder, options_.gam.momentum);
    update_twin(*model_->image_encoder, *twins_->image_encoder, options_.gam.momentum);
    if (twins_->backbone != nullptr) update_twin(*model_->image_encoder->backbone(), *twins_->backbone, options_.gam.momentum);
    if (!twins_->gam.is_empty()) update_twin(*model_->gam, *twins_->gam, options_.gam.momentum);
    DropoutSource* source = options_.gam.momentum_train_mode ? how.dropout : nullptr;
    const at::Tensor features =
        twins_->backbone == nullptr ? forward.feature_map.detach() : twins_->backbone->features(batch.pixel_values, false);
    const auto text = twins_->text_encoder->forward(batch.input_ids, batch.attention_mask, source);
    const auto image = twins_->image_encoder->forward(features, source);
    input.image_key = representation(Side::kImage, from_end(image, layer).select(1, 0), batch, twins_->gam);
    input.text_key = representation(Side::kText, from_end(text, layer).select(1, 0), batch, twins_->gam);
  }
  const StageScope scope(how.timer, "GAM");
  input.image = representation(Side::kImage, from_end(forward.image_hidden, layer).select(1, 0), batch, model_->gam);
  input.text = representation(Side::kText, from_end(forward.text_hidden, layer).select(1, 0), batch, model_->gam);
  input.queue_image = queue_->image();
  input.queue_text = queue_->text();
  input.queue_ids = queue_->ids();
  input.ids = batch.post_ids;
  input.counted = batch.has_text.logical_and(batch.has_image);
  LossTerm loss = global_alignment_loss(input, model_->gam->temperature, options_.gam.loss);
  const at::Tensor rows = input.counted.nonzero().flatten();
  keys_ = {input.image_key.index_select(0, rows), input.text_key.index_select(0, rows), batch.post_ids.index_select(0, rows)};
  return loss;
}

void Objective::commit() {
  if (keys_) queue_->push(keys_->image, keys_->text, keys_->ids);
  keys_.reset();
}

LossTerm Objective::hfam_loss(const Batch& batch, const ForwardResult& forward, const at::Tensor& both_rows) {
  const bool all = both_rows.size(0) == batch.size();
  LossTerm sum{at::zeros({}, forward.logits.options()), 0};
  if (both_rows.size(0) == 0) return sum;
  const auto pick = [&](const at::Tensor& tensor) { return all ? tensor : tensor.index_select(0, both_rows); };
  at::Tensor mask = batch.attention_mask.slice(1, 1);
  if (!options_.hfam.keep_sep) {  // the last counted token of every text is [SEP]
    mask = mask.clone();
    const at::Tensor last = mask.sum(1, true) - 1;
    const at::Tensor only_sep = last.eq(0);
    mask.scatter_(1, last, only_sep.to(at::kLong));  // a text of [SEP] alone keeps it: every text counts at least one token
  }
  mask = pick(mask);
  for (int64_t k = 1; k <= options_.hfam.layers; ++k) {
    at::Tensor image = pick(from_end(forward.image_hidden, k)).slice(1, 1);
    at::Tensor text = pick(from_end(forward.text_hidden, k)).slice(1, 1);
    if (!model_->hfam->image_projection.is_empty()) {
      image = model_->hfam->image_projection->forward(image);
      text = model_->hfam->text_projection->forward(text);
    }
    const auto similarity = fine_grained_similarity(image.to(at::kFloat), text.to(at::kFloat), mask, options_.hfam.loss);
    const LossTerm layer = fine_grained_loss(similarity, model_->hfam->temperature, options_.hfam.loss);
    sum.sum = sum.sum + layer.sum / (2.0 * static_cast<double>(options_.hfam.layers));  // eq. 6
    sum.count = layer.count;
  }
  return sum;
}

void Objective::clamp_temperatures() {
  clamp_temperature(model_->gam->temperature);
  clamp_temperature(model_->hfam->temperature);
}

TensorMap Objective::state() const {
  TensorMap tensors;
  if (!queue_) return tensors;
  for (const auto& [name, tensor] : state_dict(*twins_)) tensors["momentum." + name] = tensor;
  const FeatureQueue::State queue = queue_->state();
  tensors["gam.queue_image"] = queue.image;
  tensors["gam.queue_text"] = queue.text;
  tensors["gam.queue_ids"] = queue.ids;
  tensors["gam.queue_position"] = at::tensor({queue.pointer, queue.valid}, at::kLong);
  return tensors;
}

void Objective::restore(const TensorMap& tensors, const std::string& where) {
  if (!queue_) return;
  TensorMap momentum;
  for (const auto& [name, tensor] : tensors) {
    if (name.rfind("momentum.", 0) == 0) momentum[name.substr(9)] = tensor;
  }
  load_state_dict(*twins_, momentum, where);
  const auto need = [&](const char* name) {
    const auto found = tensors.find(name);
    if (found == tensors.end())
      throw CheckpointError(fmt::format("{}: tensor {} is missing; the checkpoint is of a run without GAM", where, name));
    return found->second;
  };
  const at::Tensor position = need("gam.queue_position");
  queue_->restore({.image = need("gam.queue_image"),
                   .text = need("gam.queue_text"),
                   .ids = need("gam.queue_ids"),
                   .pointer = position[0].item<int64_t>(),
                   .valid = position[1].item<int64_t>()});
}

}  // namespace infig
