#include "losses/classification_loss.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <numeric>

#include "core/error.h"
#include "losses/info_nce.h"

namespace infig {

void ClassificationLossOptions::validate(int64_t classes) const {
  if (!(label_smoothing >= 0 && label_smoothing < 1))
    throw ConfigError(fmt::format("label_smoothing: is {}; allowed is [0, 1)", label_smoothing));
  if (!(focal_gamma >= 0)) throw ConfigError(fmt::format("focal_gamma: is {}; allowed is >= 0", focal_gamma));
  if (class_weights.empty()) return;
  if (static_cast<int64_t>(class_weights.size()) != classes)
    throw ConfigError(fmt::format("loss.class_weights: {} weights for {} classes; give one for each, in the order of the labels",
                                  class_weights.size(), classes));
  for (const double weight : class_weights) {
    if (!(weight > 0)) throw ConfigError(fmt::format("class_weights: {} is not above 0", weight));
  }
}

LossTerm classification_loss(const at::Tensor& logits, const at::Tensor& labels, const ClassificationLossOptions& options) {
  LossTerm plain = cross_entropy(logits, labels);  // also checks the shapes
  if (options.plain() || plain.count == 0) return plain;
  const int64_t classes = logits.size(1);
  options.validate(classes);
  const at::Tensor values = logits.scalar_type() == at::kDouble ? logits : logits.to(at::kFloat);
  const at::Tensor log_p = at::log_softmax(values, 1);
  at::Tensor target = at::full_like(log_p, options.label_smoothing / static_cast<double>(classes));
  target.scatter_add_(1, labels.unsqueeze(1), at::full({labels.size(0), 1}, 1 - options.label_smoothing, log_p.options()));
  at::Tensor terms = target * -log_p;
  if (options.focal_gamma > 0) {
    // In float32, p = 1 gives 1 - p = 0, and the derivative of 0^g is infinite for g < 1.
    terms = terms * (1 - log_p.exp()).clamp_min(1e-7).pow(options.focal_gamma);
  }
  if (!options.class_weights.empty()) terms = terms * at::tensor(options.class_weights, at::kDouble).to(terms.options());
  return {.sum = terms.sum(), .count = plain.count};
}

std::vector<double> balanced_class_weights(const std::vector<int64_t>& posts_of_class) {
  const auto all = static_cast<double>(std::accumulate(posts_of_class.begin(), posts_of_class.end(), int64_t{0}));
  std::vector<double> weights;
  for (size_t c = 0; c < posts_of_class.size(); ++c) {
    if (posts_of_class[c] < 1) throw ConfigError(fmt::format("class_weights=balanced: class {} has no post in the training split", c));
    weights.push_back(all / (static_cast<double>(posts_of_class.size()) * static_cast<double>(posts_of_class[c])));
  }
  return weights;
}

}  // namespace infig
