#include "model/classification_objective.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <span>

#include "core/error.h"
#include "distributed/batch_norm.h"

namespace infig {

ClassificationObjective::Posts ClassificationObjective::count(int64_t own) {
  Posts posts;
  const std::vector<int64_t> each = ranks_.gather(std::span(&own, 1));
  for (size_t r = 0; r < each.size(); ++r) {
    if (static_cast<int64_t>(r) < ranks_.rank()) posts.first += each[r];
    posts.all += each[r];
  }
  return posts;
}

Losses ClassificationObjective::step(const Batch& batch, const ForwardOptions& how) {
  const Posts posts = count(batch.size());
  if (how.dropout != nullptr && ranks_.several()) how.dropout->begin_part(posts.first, batch.size(), posts.all);
  const BatchNormRanks statistics(ranks_);
  Losses losses;
  losses.logits = model_.forward(batch, how).logits;
  losses.classification = classification_loss(losses.logits, batch.labels, classification_);
  losses.classification.count = posts.all;
  losses.total = losses.classification.mean();
  return losses;
}

Losses ClassificationObjective::step_in_parts(const Batch& batch, const ForwardOptions& how, const PartOptions& parts) {
  if (parts.micro_batch < 1) throw ConfigError("train.micro_batch: a part needs one post at least");
  const Posts posts = count(batch.size());
  std::vector<at::Tensor> logits;
  Losses losses;
  losses.classification = {at::zeros({}, at::TensorOptions(at::kFloat).device(batch.device())), posts.all};
  for (int64_t first = 0; first < batch.size(); first += parts.micro_batch) {
    const Batch part = batch.slice(first, std::min(parts.micro_batch, batch.size() - first));
    at::Tensor loss;
    {
      const AutocastScope autocast(parts.precision, batch.device());
      if (how.dropout != nullptr) how.dropout->begin_part(posts.first + first, part.size(), posts.all);
      logits.push_back(model_.forward(part, how).logits);
      loss = classification_loss(logits.back(), part.labels, classification_).sum;
    }
    losses.classification.sum += loss.detach();
    logits.back() = logits.back().detach();
    const StageScope scope(how.timer, "backward");
    if (parts.before_last && first + part.size() == batch.size()) parts.before_last();
    (loss * (parts.loss_scale / static_cast<double>(posts.all))).backward();
  }
  losses.logits = at::cat(logits, 0);
  losses.total = losses.classification.mean();
  return losses;
}

}  // namespace infig
