// Hierarchical fine-grained alignment of one pair of layers (HFAM): INFIG eq. 3-6, method.md rows 22-28.
#pragma once

#include <torch/types.h>

#include "losses/loss_term.h"

namespace infig {

struct FineGrainedOptions {
  int64_t top_j = 2;       // tokens kept on each side, eq. 4; >= 1; fewer if a side has fewer; the mean divides by the number kept (row 25)
  bool decoupled = false;  // leave the positive out of the denominator, as eq. 5 reads literally (row 27)
  int64_t chunk_texts = 8;  // texts compared at once: bounds memory, changes no result; >= 1
  void validate() const;    // throws ConfigError
};

struct FineGrainedSimilarity {
  at::Tensor image_to_text;  // [Bi, Bt] float: row p, column q: S_p2q, eq. 4
  at::Tensor text_to_image;  // [Bi, Bt] float: row = image p, column = text q: S_q2p
};

// Which code computes it: kAutomatic takes the CPU kernels for tensors on the CPU and tensor operations elsewhere.
enum class FineGrainedBackend { kAutomatic, kTensorOperations };

// The counted tokens of texts, one text after the other, without padding.
struct PackedTexts {
  at::Tensor tokens;             // [sum of lengths, D] float
  std::vector<int64_t> lengths;  // [Bt], each >= 1
};
// text_tokens [Bt, T, D] float, text_mask [Bt, T] int64: see below. Throws ShapeError.
PackedTexts pack_texts(const at::Tensor& text_tokens, const at::Tensor& text_mask);

// Similarity of every image with every text of a batch, both ways.
//   image_tokens  [Bi, P, D] float   without the visual CLS
//   text_tokens   [Bt, T, D] float   without [CLS]
//   text_mask     [Bt, T]    int64   1 = counted; every row counts at least one, or ShapeError. What lies at 0 is never read into a result
// Token similarity is the cosine; of equal similarities the token with the lowest index is kept. A token of length zero has similarity 0
// and receives no gradient. In float32 (float64 stays) whatever autocast says. A NaN in a counted token gives NaN in its row or column.
// Gradients flow to both token sets. No tensor of Bi x Bt x P x T is ever made, forward or backward: memory is bounded by a slice of
// chunk_texts texts. Backward needs only the kept indices; it cannot be differentiated a second time (Error).
// Equal inputs give equal bits for any thread count as far as the matrix products do.
FineGrainedSimilarity fine_grained_similarity(const at::Tensor& image_tokens, const at::Tensor& text_tokens, const at::Tensor& text_mask,
                                              const FineGrainedOptions& options,
                                              FineGrainedBackend backend = FineGrainedBackend::kAutomatic);
// The same for texts that are packed already. Without images or texts the result still has a graph to the other side.
FineGrainedSimilarity fine_grained_similarity(const at::Tensor& image_tokens, const PackedTexts& texts, const FineGrainedOptions& options,
                                              FineGrainedBackend backend = FineGrainedBackend::kAutomatic);

// Loss of one layer: (L_I + L_T), eq. 5, as a LossTerm over the B posts (sum of both directions; count B), given similarities [B, B] of
// posts that have both a picture and a text: the caller leaves out the others (index_select on the tokens) beforehand. temperature: one
// element, gradient flows. B = 0 gives an absent term, as does B = 1 with `decoupled`. Throws ShapeError.
LossTerm fine_grained_loss(const FineGrainedSimilarity& similarity, const at::Tensor& temperature, const FineGrainedOptions& options);

// A rank's share of that loss: its posts are first .. first + b - 1 of B. image_to_text [b, B]: its images against all texts;
// text_to_image [B, b]: all images against its texts. The shares of all ranks add up to the loss of the whole batch. Throws ShapeError.
LossTerm fine_grained_share(const FineGrainedSimilarity& similarity, int64_t first, const at::Tensor& temperature,
                            const FineGrainedOptions& options);

// tau learnable, clamped to [.001, .5] in place (row 12). No gradient.
void clamp_temperature(at::Tensor& temperature);

}  // namespace infig
