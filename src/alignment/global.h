// Global alignment (GAM), INFIG eq. 1-2 with the decisions of method.md rows 1-6.
#pragma once

#include <torch/types.h>

#include "losses/loss_term.h"

namespace infig {

struct GlobalAlignmentOptions {
  bool literal = false;         // row 1: leave the positive out of the denominator (loss unbounded below)
  bool online_partner = false;  // row 2: the positive is the online partner, with gradient, instead of the momentum one
  bool batch_negatives = true;  // row 3: the other posts of the batch are negatives
  bool mask_equal_ids = true;   // row 5: keys of the same post id, other than the own one, are left out
  double soft_targets = 0;      // row 11: weight of the momentum model's own distribution over the keys as target (ALBEF's alpha), [0, 1]
  void validate() const;        // throws ConfigError
};

// Over several ranks each has the queries of some posts of the batch, b of B, and the keys of all. With one, b = B.
struct GlobalAlignmentInput {
  at::Tensor image, text;              // [b, g] float online representations, with gradient
  at::Tensor image_key, text_key;      // [B, g] float momentum representations, no gradient
  at::Tensor queue_image, queue_text;  // [V, g] float valid queue entries, V >= 0
  at::Tensor queue_ids;                // [V] int64
  at::Tensor ids;                      // [B] int64
  at::Tensor counted;                  // [B] bool or undefined: posts that have both text and picture; others are neither queries nor keys
  int64_t first = 0;                   // the queries are of posts first .. first + b - 1
};

// L_i2t: -log softmax over [the B text keys ; the V queue texts] of cos(image_b, key) / tau at the post's own key; keys of the same id
// (in queue or batch) other than the own one are left out of the denominator. L_t2i likewise. Returns (L_i2t + L_t2i) / 2 as a LossTerm
// over the counted posts among the queries. With soft_targets = a the target is (1 - a) one-hot + a softmax(cos(momentum query, key) /
// tau), without gradient. temperature: one element, gradient flows. Keys and queue are detached. Computed in float32 (float64 stays)
// whatever autocast says. Throws ShapeError.
LossTerm global_alignment_loss(const GlobalAlignmentInput& input, const at::Tensor& temperature, const GlobalAlignmentOptions& options);

// The logits of both directions and what the denominator leaves out, for the counted posts (b' queries, B' keys), keys = batch then queue.
struct GlobalLogits {
  at::Tensor image_to_text;  // [b', B' + V] float
  at::Tensor text_to_image;  // [b', B' + V] float
  at::Tensor excluded;  // [b', B' + V] bool: the same id as the row's, the own key aside; without batch_negatives also the other posts of
                        // the batch
  int64_t first = 0;    // the own key of row i is column first + i
};
GlobalLogits global_alignment_logits(const GlobalAlignmentInput& input, const at::Tensor& temperature,
                                     const GlobalAlignmentOptions& options);

// Row 16: concat(norm(cls), norm(clip)): [B, d], [B, c] float -> [B, d + c], float32 at least; clip undefined gives cls itself;
// literal concatenates without norms. Throws ShapeError.
at::Tensor global_representation(const at::Tensor& cls, const at::Tensor& clip, bool literal_concat);

}  // namespace infig
