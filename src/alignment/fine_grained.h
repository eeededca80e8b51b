// Hierarchical fine-grained alignment (HFAM) of one pair of layers: INFIG eq. 3-6, method.md rows 22-28.
#pragma once

#include <torch/types.h>

#include "losses/loss_term.h"

namespace infig {

struct FineGrainedOptions {
  // Nearest tokens that each token keeps, eq. 4; >= 1. If the other side has fewer, all are kept; the mean is over those kept (row 25).
  int64_t top_j = 2;
  bool decoupled = false;   // leave the positive out of the denominator, the literal eq. 5 (row 27)
  int64_t chunk_texts = 8;  // texts compared at once, >= 1; limits memory and does not change results
  void validate() const;    // throws ConfigError
};

struct FineGrainedSimilarity {
  at::Tensor image_to_text;  // [Bi, Bt] float: S_p2q (eq. 4) of image p and text q at [p, q]
  at::Tensor text_to_image;  // [Bi, Bt] float: S_q2p of image p and text q at [p, q]
};

// Implementation: kAutomatic uses the CPU kernels for tensors on the CPU, and tensor operations elsewhere.
enum class FineGrainedBackend { kAutomatic, kTensorOperations };

// The tokens of several texts that count, concatenated without padding.
struct PackedTexts {
  at::Tensor tokens;             // [sum of lengths, D] float
  std::vector<int64_t> lengths;  // [Bt], each >= 1
};
// Packs text_tokens [Bt, T, D] float by text_mask [Bt, T] int64, with the requirements of fine_grained_similarity(). Throws ShapeError.
PackedTexts pack_texts(const at::Tensor& text_tokens, const at::Tensor& text_mask);

// Similarity of every image with every text of a batch, in both directions.
//   image_tokens  [Bi, P, D] float   without the visual CLS
//   text_tokens   [Bt, T, D] float   without [CLS]
//   text_mask     [Bt, T]    int64   nonzero = counts; every row has at least one, or ShapeError. Other tokens have no effect on the result
// Token similarity is the cosine; among equal similarities the token with the lowest index is kept. A token of length zero has similarity 0
// and gets no gradient. A NaN in a counted token makes its row or column NaN. Computed in float32 (float64 for float64 tokens) regardless
// of autocast. Gradients flow to both token sets. No tensor of size Bi x Bt x P x T is ever made: memory is bounded by a slice of
// chunk_texts texts, forward and backward. Backward needs only the kept indices; double backward throws Error.
// Equal inputs give equal bits for any number of threads if the matrix products do.
FineGrainedSimilarity fine_grained_similarity(const at::Tensor& image_tokens, const at::Tensor& text_tokens, const at::Tensor& text_mask,
                                              const FineGrainedOptions& options,
                                              FineGrainedBackend backend = FineGrainedBackend::kAutomatic);
// The same for packed texts. Without images or texts, the empty result is still connected to the graph of both.
FineGrainedSimilarity fine_grained_similarity(const at::Tensor& image_tokens, const PackedTexts& texts, const FineGrainedOptions& options,
                                              FineGrainedBackend backend = FineGrainedBackend::kAutomatic);

// Loss of one layer: L_I + L_T (eq. 5) as a LossTerm over B posts (sum of both directions; count B). `similarity` must be [B, B] of posts
// that have both a picture and a text; the caller leaves out the others beforehand. temperature: one element, differentiable. The count is
// 0 if B = 0, or if B = 1 with `decoupled`. Throws ShapeError.
LossTerm fine_grained_loss(const FineGrainedSimilarity& similarity, const at::Tensor& temperature, const FineGrainedOptions& options);

// A rank's share of that loss, for its posts first .. first + b - 1 of B. image_to_text [b, B] is of its images with all texts,
// text_to_image [B, b] of all images with its texts. The shares of all ranks add up to the loss of the whole batch. Throws ShapeError.
LossTerm fine_grained_share(const FineGrainedSimilarity& similarity, int64_t first, const at::Tensor& temperature,
                            const FineGrainedOptions& options);

// Clamps a learned temperature to [.001, .5] in place, without gradient (row 12).
void clamp_temperature(at::Tensor& temperature);

}  // namespace infig
