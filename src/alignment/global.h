// Global alignment (GAM), INFIG eq. 1-2 with the decisions of method.md rows 1-6.
#pragma once

#include <torch/types.h>

#include "losses/loss_term.h"

namespace infig {

struct GlobalAlignmentOptions {
  bool literal = false;  // row 1: leave the positive out of the denominator (loss unbounded below)
};

struct GlobalAlignmentInput {
  at::Tensor image, text;              // [B, g] online representations, with gradient
  at::Tensor image_key, text_key;      // [B, g] momentum representations, no gradient
  at::Tensor queue_image, queue_text;  // [V, g] valid queue entries, V >= 0
  at::Tensor queue_ids;                // [V] int64
  at::Tensor ids;                      // [B] int64
  at::Tensor counted;                  // [B] bool or undefined: posts that have both text and picture; others are neither queries nor keys
};

// L_i2t: -log softmax over [the B text keys ; the V queue texts] of cos(image_b, key) / tau at the post's own key; keys of the same id
// (in queue or batch) other than the own one are left out of the denominator. L_t2i likewise. Returns (L_i2t + L_t2i) / 2 as a LossTerm
// over the counted posts. temperature: scalar tensor, gradient flows. Throws ShapeError.
LossTerm global_alignment_loss(const GlobalAlignmentInput& input, const at::Tensor& temperature, const GlobalAlignmentOptions& options);

// Row 16: concat(norm(cls), norm(clip)); clip undefined gives cls itself; literal concatenates without norms.
at::Tensor global_representation(const at::Tensor& cls, const at::Tensor& clip, bool literal_concat);

}  // namespace infig
