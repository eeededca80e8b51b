// The differentiable core of the fine-grained alignment: packed tokens in, both similarity matrices out (eq. 3-4).
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

namespace infig {

struct TokenSimilarityPlan {
  std::vector<int64_t> lengths;  // [Bt] counted tokens of each text, all >= 1
  int64_t top_j = 2;
  int64_t chunk_texts = 8;
  bool kernels = true;  // the CPU kernels; otherwise tensor operations
};

// image [Bi, P, D], text [sum of lengths, D] (the counted tokens of one text after the other), both float32 or both float64.
// Returns {S_p2q, S_q2p}, each [Bi, Bt].
std::vector<at::Tensor> token_similarity(const at::Tensor& image, const at::Tensor& text, const TokenSimilarityPlan& plan);

}  // namespace infig
