// The two implementations for one slice of texts, forward and backward. Private to token_similarity.cpp.
// token_engine_cpu.cpp uses the kernels of token_kernels.h, token_engine_operations.cpp tensor operations.
#pragma once

#include <torch/types.h>

#include "alignment/kernels/token_kernels.h"

namespace infig {

// The kept indices of one slice (int32), with the meaning of KeptTokens. Their layout depends on the implementation that made them.
struct KeptIndices {
  at::Tensor of_text, of_image;
};

struct TokenSlice {
  int64_t images = 0, image_tokens = 0, top_j = 1;
  TextSlice texts;
};

// Takes the token similarities [images * P, columns] of a slice, which it may overwrite, and fills the slice's columns of both results
// [images, all_texts]. Returns the kept indices.
KeptIndices select_with_kernels(const TokenSlice& slice, const at::Tensor& similarity, at::Tensor& image_to_text,
                                at::Tensor& text_to_image);
KeptIndices select_with_operations(const TokenSlice& slice, const at::Tensor& similarity, at::Tensor& image_to_text,
                                   at::Tensor& text_to_image);

// Inputs and outputs of backward. Given the gradients of both similarity matrices [images, all_texts] and the unit tokens of the images and
// of this slice, adds the gradients with respect to the unit tokens to `image_gradient` [images * P, D] and `text_gradient` [columns, D],
// if defined.
struct TokenGradients {
  at::Tensor image_to_text, text_to_image;
  at::Tensor image_units, text_units;
  at::Tensor image_gradient, text_gradient;
};
void backward_with_kernels(const TokenSlice& slice, const KeptIndices& kept, TokenGradients& gradients);
void backward_with_operations(const TokenSlice& slice, const KeptIndices& kept, TokenGradients& gradients);

}  // namespace infig
