// Global alignment (GAM): INFIG eq. 1-2 with the decisions of method.md rows 1-6.
#pragma once

#include <torch/types.h>

#include "losses/loss_term.h"

namespace infig {

struct GlobalAlignmentOptions {
  bool literal = false;         // row 1: leave the positive out of the denominator; the loss then has no lower bound
  bool online_partner = false;  // row 2: the positive is the online representation, with gradient, not the momentum one
  bool batch_negatives = true;  // row 3: use the other posts of the batch as negatives
  bool mask_equal_ids = true;   // row 5: other keys with the query's post id are no negatives
  double soft_targets = 0;      // row 11: ALBEF's alpha in [0, 1], the weight of the momentum model's distribution in the target
  void validate() const;        // throws ConfigError
};

// With several ranks, each has the queries of its b posts of the batch and the keys of all B posts. With one rank, b = B.
struct GlobalAlignmentInput {
  at::Tensor image, text;              // [b, g] float: online representations (queries), with gradient
  at::Tensor image_key, text_key;      // [B, g] float: momentum representations (keys), no gradient
  at::Tensor queue_image, queue_text;  // [V, g] float: valid queue entries, V >= 0
  at::Tensor queue_ids;                // [V] int64
  at::Tensor ids;                      // [B] int64: post ids
  at::Tensor counted;                  // [B] bool or undefined: posts with text and picture; the others are neither queries nor keys
  int64_t first = 0;                   // the queries are those of posts first .. first + b - 1
};

// L_i2t is -log softmax of cos(image_b, key) / tau over [B text keys; V queue texts], taken at the post's own key; other keys with the
// post's id (in queue or batch) are left out of the denominator. L_t2i is the same with image and text swapped. Returns (L_i2t + L_t2i) / 2
// as a LossTerm over the counted posts among the queries. With soft_targets = a, the target is (1 - a) one-hot + a softmax(cos(momentum
// query, key) / tau), without gradient. temperature: one element, differentiable. Keys and queue are detached. Computed in float32 (float64
// for float64 inputs) regardless of autocast. Throws ShapeError.
LossTerm global_alignment_loss(const GlobalAlignmentInput& input, const at::Tensor& temperature, const GlobalAlignmentOptions& options);

// The logits of both directions and the entries left out of the denominator, for the counted posts (b' queries, B' keys). The columns are
// the batch's keys, then the queue's.
struct GlobalLogits {
  at::Tensor image_to_text;  // [b', B' + V] float
  at::Tensor text_to_image;  // [b', B' + V] float
  at::Tensor excluded;       // [b', B' + V] bool: other keys with the row's post id; without batch_negatives all other posts
  int64_t first = 0;         // the own key of row i is in column first + i
};
GlobalLogits global_alignment_logits(const GlobalAlignmentInput& input, const at::Tensor& temperature,
                                     const GlobalAlignmentOptions& options);

// Row 16: concat(norm(cls), norm(clip)): [B, d], [B, c] float -> [B, d + c], in float32 or float64. If clip is undefined, returns cls
// unchanged. literal_concat: concatenates without normalising. Throws ShapeError.
at::Tensor global_representation(const at::Tensor& cls, const at::Tensor& clip, bool literal_concat);

}  // namespace infig
