// The two ways to compute one slice of texts, forward and backward. Private to token_similarity.cpp.
// With the kernels of token_kernels.h in token_engine_cpu.cpp, with tensor operations in token_engine_operations.cpp.
#pragma once

#include <torch/types.h>

#include "alignment/kernels/token_kernels.h"

namespace infig {

// The kept indices of one slice (int32): of_text and of_image as in KeptTokens; layouts belong to the engine that made them.
struct KeptIndices {
  at::Tensor of_text, of_image;
};

struct TokenSlice {
  int64_t images = 0, image_tokens = 0, top_j = 1;
  TextSlice texts;
};

// similarity [images * P, columns] (may be overwritten): fills the slice's columns of the two [images, all_texts] matrices.
KeptIndices select_with_kernels(const TokenSlice& slice, const at::Tensor& similarity, at::Tensor& image_to_text,
                                at::Tensor& text_to_image);
KeptIndices select_with_operations(const TokenSlice& slice, const at::Tensor& similarity, at::Tensor& image_to_text,
                                   at::Tensor& text_to_image);

// Gradients of both similarity matrices [images, all_texts] and the unit tokens of the images and of this slice: adds the gradient with
// respect to the unit tokens to `image_gradient` [images * P, D] and `text_gradient` [columns, D]. An undefined one is not wanted.
struct TokenGradients {
  at::Tensor image_to_text, text_to_image;
  at::Tensor image_units, text_units;
  at::Tensor image_gradient, text_gradient;
};
void backward_with_kernels(const TokenSlice& slice, const KeptIndices& kept, TokenGradients& gradients);
void backward_with_operations(const TokenSlice& slice, const KeptIndices& kept, TokenGradients& gradients);

}  // namespace infig
