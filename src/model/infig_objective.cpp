#include "model/infig_objective.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "alignment/fine_grained.h"
#include "alignment/global.h"
#include "alignment/momentum.h"
#include "core/error.h"
#include "core/log.h"
#include "core/random.h"
#include "distributed/batch_norm.h"
#include "distributed/gather.h"
#include "losses/info_nce.h"
#include "nn/linear.h"

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

MomentumTwinsImpl::MomentumTwinsImpl(const InfigOptions& options, const ImageTower& image_tower) {
  text_encoder = register_module("text_encoder", make_text_encoder(options.text.tower()));
  image_encoder = register_module("image_encoder", image_tower.make_twin());
  if (options.gam.momentum_backbone) backbone = register_module("backbone", image_tower.make_backbone_twin());
  if (options.gam.proj_dim > 0 || options.clip.embed_dim > 0) {
    gam = register_module("gam", AlignmentParameters(options.hidden_size(), options.gam.proj_dim, options.gam.temperature, false));
    if (options.clip.embed_dim > 0) gam->add_clip(options.clip.embed_dim, options.gam.clip_dim);
  }
}

InfigObjective::InfigObjective(InfigModel model, int64_t train_posts, int64_t batch_size, uint64_t seed,
                               ClassificationLossOptions classification, Ranks& ranks)
    : model_(std::move(model)), options_(model_->options()), classification_(std::move(classification)), ranks_(&ranks) {
  if (options_.loss.lambda_g == 0) return;  // row 45: without GAM there are no twins and no queue
  const at::Device device = model_->parameters().front().device();
  {
    const SkipInitialization copied_next;
    twins_ = MomentumTwins(options_, *model_->image_encoder);
  }
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

at::Tensor InfigObjective::representation(Side side, const at::Tensor& cls, const Batch& batch, AlignmentParameters& parameters) const {
  const bool image = side == Side::kImage;
  at::Tensor own = cls, clip;
  if (!parameters.is_empty()) {  // a twin has none if GAM does not project
    auto& projection = image ? parameters->image_projection : parameters->text_projection;
    auto& clip_projection = image ? parameters->clip_image_projection : parameters->clip_text_projection;
    if (!projection.is_empty()) own = projection->forward(cls);
    if (!clip_projection.is_empty()) clip = clip_projection->forward(batch.clip_embeds.select(1, image ? 0 : 1)).to(at::kFloat);
  }
  return global_representation(own.to(at::kFloat), clip, options_.gam.literal_concat);
}

InfigObjective::Aligned InfigObjective::aligned_of(const ForwardResult& forward) const {
  Aligned aligned;
  if (options_.loss.lambda_g > 0) {
    aligned.image_cls = from_end(forward.image_hidden, options_.gam.layer).select(1, 0);
    aligned.text_cls = from_end(forward.text_hidden, options_.gam.layer).select(1, 0);
  }
  for (int64_t k = 1; options_.loss.lambda_f > 0 && k <= options_.hfam.layers; ++k) {
    aligned.image_tokens.push_back(from_end(forward.image_hidden, k).slice(1, 1));
    aligned.text_tokens.push_back(from_end(forward.text_hidden, k).slice(1, 1));
  }
  return aligned;
}

InfigObjective::Share InfigObjective::share_of(int64_t posts) {
  Share share;
  share.rows = ranks_->gather(std::span(&posts, 1));
  for (size_t r = 0; r < share.rows.size(); ++r) {
    if (static_cast<int64_t>(r) < ranks_->rank()) share.first += share.rows[r];
    share.all += share.rows[r];
  }
  return share;
}

// Gives each post the dropout masks that it has in the undivided batch.
void InfigObjective::begin_part(const ForwardOptions& how, int64_t first, const Batch& part) const {
  if (how.dropout != nullptr) how.dropout->begin_part(posts_.first + first, part.size(), posts_.all);
}

Losses InfigObjective::step(const Batch& batch, const ForwardOptions& how) {
  Losses losses;
  posts_ = share_of(batch.size());
  if (ranks_->several()) begin_part(how, 0, batch);
  const BatchNormRanks statistics(*ranks_);
  const ForwardResult forward = model_->run(batch, how);
  losses.logits = forward.logits;
  losses.classification = classification_loss(forward.logits, batch.labels, classification_);
  losses.classification.count = posts_.all;
  losses.total = losses.classification.mean();
  Aligned aligned = aligned_of(forward);
  if (options_.loss.lambda_g > 0) {
    const StageScope scope(how.timer, "momentum");
    move_twins();
    add_keys(aligned, batch, forward.feature_map, how);
  }
  const at::Tensor alignment = align(batch, aligned, how, losses);
  if (alignment.defined()) losses.total = losses.total + alignment;
  return losses;
}

at::Tensor InfigObjective::align(const Batch& batch, const Aligned& aligned, const ForwardOptions& how, Losses& losses) {
  LossTerm gam, hfam;
  if (options_.loss.lambda_g > 0) {
    const StageScope scope(how.timer, "GAM");
    gam = gam_loss(batch, aligned);
  }
  if (options_.loss.lambda_f > 0) {
    const StageScope scope(how.timer, "HFAM");
    hfam = hfam_loss(batch, aligned, batch.has_text.logical_and(batch.has_image).nonzero().flatten());
  }
  if (ranks_->several()) {
    std::array<double, 2> counts = {static_cast<double>(gam.count), static_cast<double>(hfam.count)};
    ranks_->sum(counts);
    gam.count = static_cast<int64_t>(counts[0]);
    hfam.count = static_cast<int64_t>(counts[1]);
  }
  gam_counted_ = gam.count > 0;
  hfam_counted_ = hfam.count > 0;
  losses.others = {{"gam", gam}, {"hfam", hfam}};
  at::Tensor total;
  const auto add = [&](const LossTerm& term, double weight) {
    if (term.count > 0) total = total.defined() ? total + term.mean() * weight : term.mean() * weight;
  };
  add(gam, options_.loss.lambda_g);
  add(hfam, options_.loss.lambda_f);
  return total;
}

// Row 8: the twins are updated before they compute the keys.
void InfigObjective::move_twins() {
  const at::NoGradGuard no_grad;
  update_twin(*model_->text_encoder, *twins_->text_encoder, options_.gam.momentum);
  update_twin(*model_->image_encoder, *twins_->image_encoder, options_.gam.momentum);
  if (twins_->backbone != nullptr) update_twin(*model_->image_encoder->backbone(), *twins_->backbone, options_.gam.momentum);
  if (!twins_->gam.is_empty()) update_twin(*model_->gam, *twins_->gam, options_.gam.momentum);
}

void InfigObjective::add_keys(Aligned& aligned, const Batch& batch, const at::Tensor& feature_map, const ForwardOptions& how) {
  const at::NoGradGuard no_grad;
  DropoutSource* source = options_.gam.momentum_train_mode ? how.dropout : nullptr;
  if (source != nullptr) source->begin_stage(1);
  const at::Tensor features = twins_->backbone == nullptr ? feature_map.detach() : twins_->backbone->features(batch.pixel_values, false);
  const auto text = twins_->text_encoder->forward(batch.input_ids, batch.attention_mask, source);
  const auto image = twins_->image_encoder->forward(features, source);
  aligned.image_key = representation(Side::kImage, from_end(image, options_.gam.layer).select(1, 0), batch, twins_->gam);
  aligned.text_key = representation(Side::kText, from_end(text, options_.gam.layer).select(1, 0), batch, twins_->gam);
}

LossTerm InfigObjective::gam_loss(const Batch& batch, const Aligned& aligned) {
  GlobalAlignmentInput input;
  const auto all = [&](const at::Tensor& mine) { return ranks_->gather_rows(mine, posts_.rows); };
  input.image_key = all(aligned.image_key);
  input.text_key = all(aligned.text_key);
  input.image = representation(Side::kImage, aligned.image_cls, batch, model_->gam);
  input.text = representation(Side::kText, aligned.text_cls, batch, model_->gam);
  input.queue_image = queue_->image();
  input.queue_text = queue_->text();
  input.queue_ids = queue_->ids();
  input.ids = all(batch.post_ids);
  input.counted = all(batch.has_text.logical_and(batch.has_image));
  input.first = posts_.first;
  LossTerm loss = global_alignment_loss(input, model_->gam->temperature, options_.gam.loss);
  const at::Tensor rows = input.counted.nonzero().flatten();
  keys_ = {input.image_key.index_select(0, rows), input.text_key.index_select(0, rows), input.ids.index_select(0, rows)};
  return loss;
}

void InfigObjective::commit() {
  if (keys_) queue_->push(keys_->image, keys_->text, keys_->ids);
  keys_.reset();
  clamp_temperatures();
}

std::vector<std::pair<std::string, double>> InfigObjective::figures() const {
  std::vector<std::pair<std::string, double>> figures;
  if (gam_counted_) figures.emplace_back("temperature_gam", model_->gam->temperature.item<double>());
  if (hfam_counted_) figures.emplace_back("temperature_hfam", model_->hfam->temperature.item<double>());
  return figures;
}

std::unique_ptr<Objective> InfigModelImpl::make_objective(const ObjectiveContext& context) {
  return std::make_unique<InfigObjective>(InfigModel(std::dynamic_pointer_cast<InfigModelImpl>(shared_from_this())), context.train_posts,
                                          context.batch_size, context.seed, context.classification, *context.ranks);
}

LossTerm InfigObjective::hfam_loss(const Batch& batch, const Aligned& aligned, const at::Tensor& both_rows) {
  const bool all = both_rows.size(0) == batch.size();
  LossTerm sum{at::zeros({}, aligned.image_tokens[0].options().dtype(at::kFloat).requires_grad(false)), 0};
  const Share share = share_of(both_rows.size(0));
  if (share.all == 0) return sum;
  const auto pick = [&](const at::Tensor& tensor) { return all ? tensor : tensor.index_select(0, both_rows); };
  at::Tensor mask = batch.attention_mask.slice(1, 1);
  if (!options_.hfam.keep_sep) {  // the last token of every text is [SEP]
    mask = mask.clone();
    const at::Tensor last = mask.sum(1, true) - 1;
    const at::Tensor only_sep = last.eq(0);
    mask.scatter_(1, last, only_sep.to(at::kLong));  // a text of [SEP] alone keeps it: every text needs at least one token
  }
  mask = pick(mask);
  for (size_t k = 0; k < aligned.image_tokens.size(); ++k) {
    at::Tensor image = pick(aligned.image_tokens[k]);
    at::Tensor text = pick(aligned.text_tokens[k]);
    if (!model_->hfam->image_projection.is_empty()) {
      image = model_->hfam->image_projection->forward(image);
      text = model_->hfam->text_projection->forward(text);
    }
    const PackedTexts texts = gather_texts(pack_texts(text.to(at::kFloat), mask));
    FineGrainedSimilarity similarity = fine_grained_similarity(image.to(at::kFloat), texts, options_.hfam.loss);
    if (ranks_->several())  // a text is compared with the images of all ranks
      similarity.text_to_image =
          gather_with_gradient(similarity.text_to_image, share.rows, *ranks_).narrow(1, share.first, both_rows.size(0));
    const LossTerm layer = fine_grained_share(similarity, share.first, model_->hfam->temperature, options_.hfam.loss);
    sum.sum = sum.sum + layer.sum / (2.0 * static_cast<double>(options_.hfam.layers));  // eq. 6
    sum.count = layer.count;
  }
  return sum;
}

PackedTexts InfigObjective::gather_texts(PackedTexts texts) {
  if (!ranks_->several()) return texts;
  const Share tokens = share_of(texts.tokens.size(0)), posts = share_of(static_cast<int64_t>(texts.lengths.size()));
  const at::Tensor lengths = ranks_->gather_rows(at::tensor(texts.lengths, at::kLong), posts.rows);
  const auto* first = lengths.const_data_ptr<int64_t>();
  return {.tokens = gather_with_gradient(texts.tokens, tokens.rows, *ranks_), .lengths = {first, first + lengths.numel()}};
}

void InfigObjective::clamp_temperatures() {
  clamp_temperature(model_->gam->temperature);
  clamp_temperature(model_->hfam->temperature);
}

TensorMap InfigObjective::state() const {
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

void InfigObjective::restore(const TensorMap& tensors, const std::string& where) {
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
