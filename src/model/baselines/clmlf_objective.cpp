#include "model/baselines/clmlf_objective.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <torch/autograd.h>

#include <algorithm>
#include <span>

#include "core/error.h"
#include "core/random.h"
#include "distributed/batch_norm.h"
#include "distributed/gather.h"
#include "losses/info_nce.h"

namespace infig {
namespace {

at::ScalarType loss_type(const at::Tensor& x) { return x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat; }

}  // namespace

LossTerm data_loss(const at::Tensor& z, const at::Tensor& all_second, int64_t first, double temperature) {
  const at::ScalarType type = loss_type(z);
  const at::Tensor logits = at::matmul(z.to(type), all_second.to(type).t()) / temperature;
  LossTerm loss = info_nce(logits, at::arange(first, first + z.size(0), logits.options().dtype(at::kLong)), {});
  loss.count = all_second.size(0);
  return loss;
}

LossTerm label_loss(const at::Tensor& z, const at::Tensor& all_z, const at::Tensor& all_labels, int64_t first, double temperature) {
  const at::ScalarType type = loss_type(z);
  const at::Tensor logs = at::log_softmax(at::matmul(z.to(type), all_z.to(type).t()), 1) / temperature;
  const at::Tensor equal = all_labels.unsqueeze(1).eq(all_labels.unsqueeze(0)).logical_and(all_labels.ge(0).unsqueeze(1));
  const at::Tensor own = equal.narrow(0, first, z.size(0));
  return {.sum = -logs.masked_fill(own.logical_not(), 0.0).sum(), .count = equal.sum().item<int64_t>()};
}

ClmlfObjective::ClmlfObjective(ClmlfModel model, const ObjectiveContext& context)
    : model_(std::move(model)),
      options_(model_->options().net),
      classification_(context.classification),
      ranks_(context.ranks),
      seed_(context.seed),
      frozen_steps_(options_.frozen_epochs * context.steps_per_epoch) {}

ClmlfObjective::Posts ClmlfObjective::posts_of(int64_t own) {
  Posts posts;
  posts.rows = ranks_->gather(std::span(&own, 1));
  for (size_t r = 0; r < posts.rows.size(); ++r) {
    if (static_cast<int64_t>(r) < ranks_->rank()) posts.first += posts.rows[r];
    posts.all += posts.rows[r];
  }
  return posts;
}

at::Tensor ClmlfObjective::second_pixels(const Batch& batch, const Posts& posts) const {
  if (!batch.pixel_values.defined() || batch.feature_map.defined() || model_->options().towers.image.pixels.augment == Augment::kNone)
    return {};
  RandomStream stream(seed_, "second_view", static_cast<uint64_t>(step_));
  std::vector<int64_t> turned;
  for (int64_t i = 0; i < posts.all; ++i) turned.push_back(stream.chance(0.5) ? 1 : 0);
  const at::Tensor own = at::tensor(turned, at::kLong).narrow(0, posts.first, batch.size()).to(batch.device()).to(at::kBool);
  return at::where(own.view({-1, 1, 1, 1}), batch.pixel_values.flip({3}), batch.pixel_values);
}

ClmlfObjective::Pooled ClmlfObjective::represent(const Batch& batch, const at::Tensor& second_pixels, const ForwardOptions& how,
                                                 const Posts& posts, int64_t first) {
  Pooled pooled;
  const auto begin = [&](uint32_t stage) {
    if (how.dropout != nullptr) how.dropout->begin_part(posts.first + first, batch.size(), posts.all, stage);
  };
  begin(0);
  ClmlfView view = model_->first_view(batch);
  view.features = model_->features_of(view, how);
  pooled.first = model_->represent(view, batch, how);
  if (options_.data_weight == 0) return pooled;
  ClmlfView second = model_->second_view(batch);
  // Of the same pixels a frozen backbone without batch statistics computes the same features again.
  const bool same = !second_pixels.defined() && !options_.strict;
  if (second_pixels.defined()) second.pixel_values = second_pixels;
  begin(1);
  second.features = same ? view.features : model_->features_of(second, how);
  pooled.second = model_->represent(second, batch, how);
  begin(2);  // what follows: the classifier's dropout
  return pooled;
}

at::Tensor ClmlfObjective::contrast(const Pooled& pooled, const at::Tensor& labels, const Posts& posts, Losses& losses) {
  const at::Tensor none = at::zeros({}, pooled.first.options().dtype(at::kFloat).requires_grad(false));
  losses.others = {{"data", {none, 0}}, {"label", {none, 0}}};
  if (!contrasts()) return {};
  const auto all = [&](const at::Tensor& mine) {
    return ranks_->several() ? gather_with_gradient(mine.to(loss_type(mine)), posts.rows, *ranks_) : mine;
  };
  const at::Tensor z = model_->contrast_first->forward(pooled.first);
  at::Tensor total;
  const auto add = [&](LossTerm& into, const LossTerm& term, double weight) {
    into = term;
    total = total.defined() ? total + term.mean() * weight : term.mean() * weight;
  };
  if (options_.data_weight > 0) {
    const at::Tensor second = model_->contrast_second->forward(pooled.second);
    add(losses.others[0].term, data_loss(z, all(second), posts.first, options_.temperature), options_.data_weight);
  }
  if (options_.label_weight > 0) {
    const at::Tensor all_labels = ranks_->several() ? ranks_->gather_rows(labels.cpu(), posts.rows).to(labels.device()) : labels;
    add(losses.others[1].term, label_loss(z, all(z), all_labels, posts.first, options_.temperature), options_.label_weight);
  }
  return total;
}

Losses ClmlfObjective::step(const Batch& batch, const ForwardOptions& how) {
  const Posts posts = posts_of(batch.size());
  const BatchNormRanks statistics(*ranks_);
  model_->freeze_text(step_ < frozen_steps_);
  Losses losses;
  const Pooled pooled = represent(batch, second_pixels(batch, posts), how, posts, 0);
  losses.logits = model_->classify(pooled.first, how.dropout);
  losses.classification = classification_loss(losses.logits, batch.labels, classification_);
  losses.classification.count = posts.all;
  losses.total = losses.classification.mean();
  const at::Tensor contrasted = contrast(pooled, batch.labels, posts, losses);
  if (contrasted.defined()) losses.total = losses.total + contrasted;
  losses.logits = losses.logits.narrow(1, 0, model_->num_labels());
  return losses;
}

// Both views of every part without a graph, as leaves.
ClmlfObjective::Pooled ClmlfObjective::gather_parts(const Batch& batch, const at::Tensor& turned, const ForwardOptions& how,
                                                    const PartOptions& parts, const Posts& posts) {
  Pooled whole{.first = at::zeros({1}, batch.labels.options().dtype(at::kFloat)), .second = {}};
  if (contrasts()) {
    const at::NoGradGuard no_grad;
    std::vector<at::Tensor> firsts, seconds;
    for (int64_t first = 0; first < batch.size(); first += parts.micro_batch) {
      const Batch part = batch.slice(first, std::min(parts.micro_batch, batch.size() - first));
      const AutocastScope autocast(parts.precision, part.device());
      const Pooled pooled = represent(part, turned.defined() ? turned.narrow(0, first, part.size()) : turned, how, posts, first);
      firsts.push_back(pooled.first);
      if (pooled.second.defined()) seconds.push_back(pooled.second);
    }
    whole.first = at::cat(firsts, 0);
    if (!seconds.empty()) whole.second = at::cat(seconds, 0);
  }
  whole.first = whole.first.detach().requires_grad_(true);
  if (whole.second.defined()) whole.second = whole.second.detach().requires_grad_(true);
  return whole;
}

Losses ClmlfObjective::step_in_parts(const Batch& batch, const ForwardOptions& how, const PartOptions& parts) {
  if (parts.micro_batch < 1) throw ConfigError("train.micro_batch: a part needs one post at least");
  const Posts posts = posts_of(batch.size());
  model_->freeze_text(step_ < frozen_steps_);
  const at::Tensor turned = second_pixels(batch, posts);
  const Pooled whole = gather_parts(batch, turned, how, parts, posts);
  Losses losses;
  at::Tensor contrasted;
  {
    const AutocastScope autocast(parts.precision, batch.device());
    contrasted = contrast(whole, batch.labels, posts, losses);
  }
  if (contrasted.defined()) (contrasted * parts.loss_scale).backward();
  std::vector<at::Tensor> logits;
  losses.classification = {at::zeros({}, batch.labels.options().dtype(at::kFloat)), posts.all};
  for (int64_t first = 0; first < batch.size(); first += parts.micro_batch) {
    const Batch part = batch.slice(first, std::min(parts.micro_batch, batch.size() - first));
    std::vector<at::Tensor> outputs, gradients;
    {
      const AutocastScope autocast(parts.precision, part.device());
      const Pooled pooled = represent(part, turned.defined() ? turned.narrow(0, first, part.size()) : turned, how, posts, first);
      const at::Tensor wide = model_->classify(pooled.first, how.dropout);
      const at::Tensor own = classification_loss(wide, part.labels, classification_).sum;
      losses.classification.sum += own.detach();
      logits.push_back(wide.detach().narrow(1, 0, model_->num_labels()));
      outputs.push_back(own * (parts.loss_scale / static_cast<double>(posts.all)));
      gradients.emplace_back();
      const auto reach = [&](const at::Tensor& output, const at::Tensor& leaf) {
        if (!leaf.defined() || !leaf.grad().defined() || !output.requires_grad()) return;
        outputs.push_back(output);
        gradients.push_back(leaf.grad().narrow(0, first, part.size()).to(output.scalar_type()));
      };
      reach(pooled.first, whole.first);
      reach(pooled.second, whole.second);
    }
    const StageScope scope(how.timer, "backward");
    if (parts.before_last && first + part.size() == batch.size()) parts.before_last();
    torch::autograd::backward(outputs, gradients);
  }
  losses.logits = at::cat(logits, 0);
  for (NamedLoss& loss : losses.others) loss.term.sum = loss.term.sum.detach();
  losses.total = losses.classification.mean();
  if (contrasted.defined()) losses.total = losses.total + contrasted.detach();
  return losses;
}

TensorMap ClmlfObjective::state() const { return {{"clmlf.step", at::tensor({step_}, at::kLong)}}; }

void ClmlfObjective::restore(const TensorMap& tensors, const std::string& where) {
  const auto found = tensors.find("clmlf.step");
  if (found == tensors.end() || found->second.numel() != 1)
    throw CheckpointError(fmt::format("{}: tensor clmlf.step is missing; the checkpoint is not of a training of clmlf", where));
  step_ = found->second.item<int64_t>();
}

}  // namespace infig
