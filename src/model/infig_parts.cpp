// InfigObjective::step_in_parts(), see infig_objective.h.
#include <ATen/ATen.h>
#include <torch/autograd.h>

#include <algorithm>

#include "core/error.h"
#include "model/infig_objective.h"

namespace infig {
namespace {

at::Tensor leaf_of_parts(const std::vector<at::Tensor>& parts) { return at::cat(parts, 0).set_requires_grad(true); }

// Outputs of a part, and the gradients of the whole batch's losses with respect to them.
struct PartGradients {
  std::vector<at::Tensor> outputs, gradients;
  void add(const at::Tensor& output, const at::Tensor& leaf, int64_t first) {
    if (!leaf.defined() || !leaf.grad().defined() || !output.requires_grad()) return;
    outputs.push_back(output);
    gradients.push_back(leaf.grad().narrow(0, first, output.size(0)));
  }
};

}  // namespace

// Runs the towers over every part, without a graph. Keeps the features of a frozen backbone in the part for the last pass.
InfigObjective::Aligned InfigObjective::gather_parts(std::vector<Batch>& batches, const ForwardOptions& how, const PartOptions& parts) {
  const at::NoGradGuard no_grad;
  std::vector<Aligned> gathered;
  int64_t first = 0;
  for (Batch& part : batches) {
    const AutocastScope autocast(parts.precision, part.device());
    begin_part(how, first, part);
    const ForwardResult encoded = model_->encode(part, how);
    Aligned& aligned = gathered.emplace_back(aligned_of(encoded));
    if (options_.loss.lambda_g > 0) {
      const StageScope scope(how.timer, "momentum");
      add_keys(aligned, part, encoded.feature_map, how);
    }
    if (!options_.image.finetune) part.feature_map = encoded.feature_map;
    first += part.size();
  }
  const auto join = [&](auto member) {
    std::vector<at::Tensor> all;
    for (const Aligned& aligned : gathered) all.push_back(member(aligned));
    return all;
  };
  Aligned whole;
  if (options_.loss.lambda_g > 0) {
    whole.image_cls = leaf_of_parts(join([](const Aligned& aligned) { return aligned.image_cls; }));
    whole.text_cls = leaf_of_parts(join([](const Aligned& aligned) { return aligned.text_cls; }));
    whole.image_key = at::cat(join([](const Aligned& aligned) { return aligned.image_key; }), 0);
    whole.text_key = at::cat(join([](const Aligned& aligned) { return aligned.text_key; }), 0);
  }
  for (size_t k = 0; k < gathered.front().image_tokens.size(); ++k) {
    whole.image_tokens.push_back(leaf_of_parts(join([k](const Aligned& aligned) { return aligned.image_tokens[k]; })));
    whole.text_tokens.push_back(leaf_of_parts(join([k](const Aligned& aligned) { return aligned.text_tokens[k]; })));
  }
  return whole;
}

Losses InfigObjective::step_in_parts(const Batch& batch, const ForwardOptions& how, const PartOptions& parts) {
  if (parts.micro_batch < 1) throw ConfigError("train.micro_batch: a part needs one post at least");
  const int64_t posts = batch.size();
  posts_ = share_of(posts);
  const at::Device device = batch.device();
  std::vector<Batch> batches;
  for (int64_t first = 0; first < posts; first += parts.micro_batch)
    batches.push_back(batch.slice(first, std::min(parts.micro_batch, posts - first)));
  Losses losses;
  losses.others = {{"gam", {}}, {"hfam", {}}};
  Aligned whole;
  at::Tensor alignment;
  if (options_.loss.lambda_g > 0 || options_.loss.lambda_f > 0) {
    if (options_.loss.lambda_g > 0) move_twins();
    whole = gather_parts(batches, how, parts);
    {
      const AutocastScope autocast(parts.precision, device);
      alignment = align(batch, whole, how, losses);
    }
    if (alignment.defined()) torch::autograd::backward({alignment * parts.loss_scale});
  }
  std::vector<at::Tensor> logits;
  int64_t first = 0;
  losses.classification = {at::zeros({}, at::TensorOptions(at::kFloat).device(device)), posts_.all};
  for (const Batch& part : batches) {
    PartGradients reaching;
    {
      const AutocastScope autocast(parts.precision, device);
      begin_part(how, first, part);
      const ForwardResult forward = model_->run(part, how);
      const LossTerm own = classification_loss(forward.logits, part.labels, classification_);
      losses.classification.sum += own.sum.detach();
      logits.push_back(forward.logits.detach());
      // Every post counts in the classifier's loss, so the divisor of its mean is known before the last part has been computed.
      reaching.outputs.push_back(own.sum * (parts.loss_scale / static_cast<double>(posts_.all)));
      reaching.gradients.emplace_back();
      const Aligned aligned = aligned_of(forward);
      reaching.add(aligned.image_cls, whole.image_cls, first);
      reaching.add(aligned.text_cls, whole.text_cls, first);
      for (size_t k = 0; k < whole.image_tokens.size(); ++k) {
        reaching.add(aligned.image_tokens[k], whole.image_tokens[k], first);
        reaching.add(aligned.text_tokens[k], whole.text_tokens[k], first);
      }
    }
    const StageScope scope(how.timer, "backward");
    if (parts.before_last && first + part.size() == posts) parts.before_last();
    torch::autograd::backward(reaching.outputs, reaching.gradients);
    first += part.size();
  }
  losses.logits = at::cat(logits, 0);
  for (NamedLoss& loss : losses.others) {
    if (loss.term.sum.defined()) loss.term.sum = loss.term.sum.detach();
  }
  losses.total = losses.classification.mean();
  if (alignment.defined()) losses.total = losses.total + alignment.detach();
  return losses;
}

}  // namespace infig
