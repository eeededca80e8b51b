// The text-level graph of MGNNS (after Huang et al., Text Level Graph Neural Network for Text Classification, EMNLP 2019; released code:
// YangXiaocui1215/MGNNS). A post's nodes are its distinct words; word u sends to word v if they stand within `ngram` positions of each
// other somewhere in the text, and to itself:
//   h'_v = max over u of weight(u, v) h_u, element by element;  t = sum over nodes of h'_v
// weight(u, v) is a trained scalar of the ordered pair of words, 1 at first. Pairs that are not in the list share one scalar.
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include <cstdint>

#include "model/baselines/layers.h"

namespace infig {

// Parameters nodes.weight [V, w] (vectors of words) and pair_weight [E + 1, 1], whose first is the shared scalar; buffer pair_keys [E]
// int64.
class TextGraphImpl : public torch::nn::Module {
 public:
  TextGraphImpl(int64_t words, int64_t size, int64_t ngram, int64_t pairs);
  // keys [E] int64, ascending, each u V + v. Throws ShapeError for another length, order or range.
  void set_pairs(const at::Tensor& keys);
  const at::Tensor& pair_keys() const { return pair_keys_; }
  void initialize();                            // pair weights 1
  at::Tensor forward(const at::Tensor& words);  // [B, W] int64, 0 = padding -> t [B, w]; zero for a text without words
  // The row of pair_weight of each (from, to): tensors of one shape, int64 -> int64.
  at::Tensor pair_rows(const at::Tensor& from, const at::Tensor& to) const;

 private:
  int64_t vocabulary_, ngram_;
  WordVectors nodes_{nullptr};
  at::Tensor pair_weight_, pair_keys_;
};
TORCH_MODULE(TextGraph);

}  // namespace infig
