// Hierarchical fine-grained alignment of one pair of layers (HFAM): INFIG eq. 3-6, method.md rows 22-28.
#pragma once

#include <torch/types.h>

#include "losses/loss_term.h"

namespace infig {

struct FineGrainedOptions {
  int64_t top_j = 2;        // tokens kept on each side, eq. 4; >= 1; fewer where fewer are there, and the mean divides by what was kept (row 25)
  bool decoupled = false;   // leave the positive out of the denominator, as eq. 5 reads literally (row 27)
  int64_t chunk_texts = 8;  // texts compared at once: bounds memory, changes no result; >= 1
  void validate() const;    // throws ConfigError
};

struct FineGrainedSimilarity {
  at::Tensor image_to_text;  // [B, B] float: row p, column q: S_p2q, eq. 4
  at::Tensor text_to_image;  // [B, B] float: row = image p, column = text q: S_q2p
};

// Similarity of every image with every text of a batch, both ways.
//   image_tokens  [Bi, P, D] float   without the visual CLS
//   text_tokens   [Bt, T, D] float   without [CLS]
//   text_mask     [Bt, T]    int64   1 = counted; every row counts at least one, or ShapeError
// Gradients flow to both token sets. No tensor of Bi x Bt x P x T is ever made, forward or backward: memory is bounded by a slice of
// chunk_texts texts. Backward needs only the kept indices.
FineGrainedSimilarity fine_grained_similarity(const at::Tensor& image_tokens, const at::Tensor& text_tokens, const at::Tensor& text_mask,
                                              const FineGrainedOptions& options);

// Loss of one layer: (L_I + L_T), eq. 5, as a LossTerm over the B posts (sum of both directions; count B), given similarities.
LossTerm fine_grained_loss(const FineGrainedSimilarity& similarity, const at::Tensor& temperature, const FineGrainedOptions& options);

// tau learnable, clamped to [.001, .5] in place (row 12). No gradient.
void clamp_temperature(at::Tensor& temperature);

}  // namespace infig
