#include "alignment/global.h"

#include <ATen/ATen.h>
#include <c10/core/impl/LocalDispatchKeySet.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <limits>

#include "alignment/cosine.h"
#include "core/error.h"
#include "losses/info_nce.h"

namespace infig {
namespace {

std::string describe_features(const at::Tensor& tensor) {
  return tensor.defined() ? fmt::format("{} {}", c10::toString(tensor.scalar_type()), tensor.sizes().vec()) : "none";
}

void expect_rows(const at::Tensor& tensor, int64_t rows, int64_t width, const char* name) {
  if (!tensor.defined() || tensor.dim() != 2 || tensor.size(0) != rows || tensor.size(1) != width || !tensor.is_floating_point()) {
    throw ShapeError(fmt::format("global alignment: {} must be float [{}, {}], found {}", name, rows, width, describe_features(tensor)));
  }
}

void expect_vector(const at::Tensor& tensor, int64_t size, at::ScalarType type, const char* name) {
  if (!tensor.defined() || tensor.dim() != 1 || tensor.size(0) != size || tensor.scalar_type() != type) {
    throw ShapeError(
        fmt::format("global alignment: {} must be {} [{}], found {}", name, c10::toString(type), size, describe_features(tensor)));
  }
}

void check(const GlobalAlignmentInput& input, const at::Tensor& temperature) {
  if (!input.image.defined() || input.image.dim() != 2) {
    throw ShapeError(fmt::format("global alignment: image must be float [B, g], found {}", describe_features(input.image)));
  }
  const int64_t queries = input.image.size(0), width = input.image.size(1);
  const int64_t batch = input.ids.defined() && input.ids.dim() == 1 ? input.ids.size(0) : queries;
  expect_rows(input.text, queries, width, "text");
  if (input.first < 0 || input.first + queries > batch) {
    throw ShapeError(fmt::format("global alignment: queries {} .. {} are not among the batch's {} posts", input.first,
                                 input.first + queries - 1, batch));
  }
  expect_rows(input.image_key, batch, width, "image_key");
  expect_rows(input.text_key, batch, width, "text_key");
  expect_vector(input.ids, batch, at::kLong, "ids");
  const int64_t queued = input.queue_image.defined() && input.queue_image.dim() == 2 ? input.queue_image.size(0) : 0;
  expect_rows(input.queue_image, queued, width, "queue_image");
  expect_rows(input.queue_text, queued, width, "queue_text");
  expect_vector(input.queue_ids, queued, at::kLong, "queue_ids");
  if (input.counted.defined()) expect_vector(input.counted, batch, at::kBool, "counted");
  if (!temperature.defined() || temperature.numel() != 1 || !temperature.is_floating_point()) {
    throw ShapeError(fmt::format("global alignment: temperature must be one float, found {}", describe_features(temperature)));
  }
}

// Cosines of unit queries with keys. The columns are scaled by the keys' inverse norms, which avoids a normalised copy of the queue.
at::Tensor cosines(const at::Tensor& unit_queries, const at::Tensor& keys) {
  const at::Tensor values = keys.detach().to(unit_queries.scalar_type());
  return at::matmul(unit_queries, values.t()) * inverse_norms(values).unsqueeze(0);
}

at::Tensor logits_of(const at::Tensor& queries, const at::Tensor& keys, const at::Tensor& queue, const at::Tensor& temperature) {
  const at::Tensor units = unit_rows(queries);
  at::Tensor similarity = cosines(units, keys);
  if (queue.size(0) > 0) similarity = at::cat({similarity, cosines(units, queue)}, 1);
  return similarity / temperature.reshape({});
}

}  // namespace

void GlobalAlignmentOptions::validate() const {
  if (!(soft_targets >= 0 && soft_targets <= 1))
    throw ConfigError(fmt::format("gam.soft_targets: expected a number from 0 to 1, found {}", soft_targets));
  if (literal && soft_targets > 0) {
    throw ConfigError(
        "gam.soft_targets: needs gam.literal=false (soft targets put weight on every key, which the literal denominator leaves out)");
  }
}

GlobalLogits global_alignment_logits(const GlobalAlignmentInput& input, const at::Tensor& temperature,
                                     const GlobalAlignmentOptions& options) {
  check(input, temperature);
  const c10::impl::ExcludeDispatchKeyGuard full_precision(c10::autocast_dispatch_keyset);
  const auto select = [counts = input.counted.defined()](const at::Tensor& tensor, const at::Tensor& kept) {
    return counts ? tensor.index_select(0, kept) : tensor;
  };
  at::Tensor kept, own_kept;  // indices of the counted posts among the keys and among the queries
  int64_t first = input.first;
  if (input.counted.defined()) {
    kept = input.counted.nonzero().squeeze(1);
    own_kept = input.counted.narrow(0, input.first, input.image.size(0)).nonzero().squeeze(1);
    first = input.first == 0 ? 0 : input.counted.narrow(0, 0, input.first).sum().item<int64_t>();
  }
  const at::Tensor ids = select(input.ids, kept), image = select(input.image, own_kept), text = select(input.text, own_kept);
  const int64_t batch = ids.size(0), queries = image.size(0);
  at::Tensor excluded = at::zeros({queries, batch + input.queue_ids.size(0)}, ids.options().dtype(at::kBool));
  if (options.mask_equal_ids) excluded = ids.narrow(0, first, queries).unsqueeze(1) == at::cat({ids, input.queue_ids}).unsqueeze(0);
  if (!options.batch_negatives) excluded.slice(1, 0, batch).fill_(true);
  excluded.diagonal(first).fill_(false);
  GlobalLogits logits{.image_to_text = logits_of(image, select(input.text_key, kept), input.queue_text, temperature),
                      .text_to_image = logits_of(text, select(input.image_key, kept), input.queue_image, temperature),
                      .excluded = excluded,
                      .first = first};
  if (options.online_partner) {
    const at::Tensor own = (unit_rows(image) * unit_rows(text)).sum(1) / temperature.reshape({});
    logits.image_to_text = logits.image_to_text.diagonal_scatter(own, first);
    logits.text_to_image = logits.text_to_image.diagonal_scatter(own, first);
  }
  return logits;
}

namespace {

// Cross-entropy of one direction with the momentum model's distribution over the same keys as target.
at::Tensor soft_loss(const at::Tensor& logits, const at::Tensor& momentum_logits, const at::Tensor& excluded) {
  const double lowest = -std::numeric_limits<double>::infinity();
  const at::Tensor target = momentum_logits.detach().masked_fill(excluded, lowest).softmax(1);
  const at::Tensor log_probabilities = logits.masked_fill(excluded, lowest).log_softmax(1).masked_fill(excluded, 0);
  return -(target * log_probabilities).sum();
}

}  // namespace

LossTerm global_alignment_loss(const GlobalAlignmentInput& input, const at::Tensor& temperature, const GlobalAlignmentOptions& options) {
  options.validate();
  const GlobalLogits logits = global_alignment_logits(input, temperature, options);
  const at::Tensor own = at::arange(logits.first, logits.first + logits.excluded.size(0), input.ids.options());
  const LossTerm image_side = info_nce(logits.image_to_text, own, logits.excluded, options.literal);
  const LossTerm text_side = info_nce(logits.text_to_image, own, logits.excluded, options.literal);
  // Both directions exclude the same keys, so their counts are equal.
  LossTerm loss{.sum = (image_side.sum + text_side.sum) / 2, .count = image_side.count};
  if (options.soft_targets > 0 && loss.count > 0) {
    GlobalAlignmentInput momentum = input;
    momentum.image = input.image_key.narrow(0, input.first, input.image.size(0));
    momentum.text = input.text_key.narrow(0, input.first, input.image.size(0));
    const GlobalLogits teacher = global_alignment_logits(momentum, temperature.detach(), options);
    const at::Tensor soft = (soft_loss(logits.image_to_text, teacher.image_to_text, logits.excluded) +
                             soft_loss(logits.text_to_image, teacher.text_to_image, logits.excluded)) /
                            2;
    loss.sum = loss.sum * (1 - options.soft_targets) + soft * options.soft_targets;
  }
  return loss;
}

at::Tensor global_representation(const at::Tensor& cls, const at::Tensor& clip, bool literal_concat) {
  if (!cls.defined() || cls.dim() != 2 || !cls.is_floating_point()) {
    throw ShapeError(fmt::format("global representation: cls must be float [B, d], found {}", describe_features(cls)));
  }
  if (!clip.defined()) return cls;
  if (clip.dim() != 2 || clip.size(0) != cls.size(0) || !clip.is_floating_point()) {
    throw ShapeError(fmt::format("global representation: clip must be float [{}, c], found {}", cls.size(0), describe_features(clip)));
  }
  if (literal_concat) return at::cat({similarity_precision(cls), similarity_precision(clip)}, 1);
  return at::cat({unit_rows(cls), unit_rows(clip)}, 1);
}

}  // namespace infig
