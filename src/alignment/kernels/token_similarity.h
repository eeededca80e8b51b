// The differentiable core of the fine-grained alignment (eq. 3-4): from packed tokens to both similarity matrices.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

namespace infig {

struct TokenSimilarityPlan {
  std::vector<int64_t> lengths;  // [Bt] counted tokens of each text, all >= 1
  int64_t top_j = 2;
  int64_t chunk_texts = 8;
  bool kernels = true;  // use the CPU kernels; false: tensor operations
};

// image [Bi, P, D]; text [sum of lengths, D], the counted tokens of all texts, concatenated. Both are float32 or both float64.
// Returns {S_p2q, S_q2p}, each [Bi, Bt].
std::vector<at::Tensor> token_similarity(const at::Tensor& image, const at::Tensor& text, const TokenSimilarityPlan& plan);

}  // namespace infig
