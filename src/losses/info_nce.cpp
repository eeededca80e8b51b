#include "losses/info_nce.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <limits>

#include "core/error.h"

namespace infig {
namespace {

void check_logits(const at::Tensor& logits, const at::Tensor& targets, const char* where, const char* target_name) {
  if (!logits.defined() || logits.dim() != 2 || !logits.is_floating_point()) {
    throw ShapeError(
        fmt::format("{}: logits must be a floating [rows, columns] tensor, found {}", where,
                    logits.defined() ? fmt::format("{} {}", c10::toString(logits.scalar_type()), logits.sizes().vec()) : "none"));
  }
  if (!targets.defined() || targets.dim() != 1 || targets.scalar_type() != at::kLong || targets.size(0) != logits.size(0)) {
    throw ShapeError(
        fmt::format("{}: {} must be Long [{}] (one a row of the logits), found {}", where, target_name, logits.size(0),
                    targets.defined() ? fmt::format("{} {}", c10::toString(targets.scalar_type()), targets.sizes().vec()) : "none"));
  }
  // Reading values from a GPU would synchronise the stream; there the assertion in gather has to suffice.
  if (targets.numel() > 0 && targets.device().is_cpu()) {
    const auto [low, high] = at::aminmax(targets);
    if (low.item<int64_t>() < 0 || high.item<int64_t>() >= logits.size(1)) {
      throw ShapeError(fmt::format("{}: {} must lie in 0 .. {}, found {} .. {}", where, target_name, logits.size(1) - 1,
                                   low.item<int64_t>(), high.item<int64_t>()));
    }
  }
}

at::Tensor at_least_float(const at::Tensor& logits) { return logits.scalar_type() == at::kDouble ? logits : logits.to(at::kFloat); }

// log_softmax and nll_loss are single kernels, forward and backward; of size [R, K], only the log-probabilities are kept.
at::Tensor summed_negative_log_likelihood(const at::Tensor& logits, const at::Tensor& targets) {
  return at::nll_loss(at::log_softmax(logits, 1), targets, {}, at::Reduction::Sum);
}

// For a denominator without the positive: logsumexp over the rest, minus the positive's logit.
LossTerm without_positive(const at::Tensor& logits, const at::Tensor& targets, const at::Tensor& left_out) {
  const at::Tensor rows = left_out.logical_not().any(1).nonzero().squeeze(1);
  const at::Tensor kept = logits.index_select(0, rows);
  const at::Tensor positive = kept.gather(1, targets.index_select(0, rows).unsqueeze(1)).squeeze(1);
  const at::Tensor rest = kept.masked_fill(left_out.index_select(0, rows), -std::numeric_limits<double>::infinity());
  return {.sum = (at::logsumexp(rest, 1) - positive).sum(), .count = rows.size(0)};
}

}  // namespace

LossTerm info_nce(const at::Tensor& logits, const at::Tensor& targets, const at::Tensor& excluded, bool drop_positive) {
  check_logits(logits, targets, "InfoNCE", "targets");
  const bool masked = excluded.defined();
  if (masked && (excluded.scalar_type() != at::kBool || excluded.sizes() != logits.sizes())) {
    throw ShapeError(fmt::format("InfoNCE: excluded must be Bool {} like the logits, found {} {}", logits.sizes().vec(),
                                 c10::toString(excluded.scalar_type()), excluded.sizes().vec()));
  }
  const at::Tensor values = at_least_float(logits);
  if (logits.size(0) == 0) return {.sum = values.sum(), .count = 0};
  if (drop_positive) {
    at::Tensor left_out = masked ? excluded.clone() : at::zeros(logits.sizes(), logits.options().dtype(at::kBool));
    left_out.scatter_(1, targets.unsqueeze(1), true);
    return without_positive(values, targets, left_out);
  }
  if (!masked) return {.sum = summed_negative_log_likelihood(values, targets), .count = logits.size(0)};
  const at::Tensor left_out = excluded.scatter(1, targets.unsqueeze(1), false);
  const at::Tensor allowed = values.masked_fill(left_out, -std::numeric_limits<double>::infinity());
  return {.sum = summed_negative_log_likelihood(allowed, targets), .count = logits.size(0)};
}

LossTerm cross_entropy(const at::Tensor& logits, const at::Tensor& labels) {
  check_logits(logits, labels, "cross-entropy", "labels");
  const at::Tensor values = at_least_float(logits);
  if (logits.size(0) == 0) return {.sum = values.sum(), .count = 0};
  return {.sum = summed_negative_log_likelihood(values, labels), .count = logits.size(0)};
}

}  // namespace infig
