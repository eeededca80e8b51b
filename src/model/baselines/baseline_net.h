// The interface of the networks that Table 2 compares INFIG with. Each has an option struct and a network of its own in this folder; what
// they read is prepared once, in one way, for all of them.
#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <cstdint>
#include <vector>

#include "losses/loss_term.h"
#include "nn/dropout.h"

namespace infig {

// Which inputs a network reads; nothing else is computed.
struct BaselineNeeds {
  bool words = true, captions = false, attributes = false;
  bool object_grid = false, object = false, scene_grid = false, scene = false;
  bool regions = false;  // with object_grid: in the original it is of regions, each put through the network by itself
};

// A batch as these networks read it. Undefined where it is not needed. Words, captions and attributes are ids in one vocabulary of words:
// 0 is padding, 1 an unknown word.
struct BaselineInputs {
  at::Tensor words;                // [B, W] int64, W >= 1; only zeros where the text is missing
  at::Tensor captions;             // [B, K] int64
  at::Tensor attributes;           // [B, A] int64
  at::Tensor object_grid, object;  // [B, P, c] float, row by row; [B, c] its mean; zeros where the picture is missing
  at::Tensor scene_grid, scene;    // the same of the second tower
  at::Tensor has_text, has_image;  // [B] bool
  at::Tensor labels;               // [B] int64, -1: none; only losses may look at them
  int64_t size() const { return has_text.size(0); }
};

class BaselineNet : public torch::nn::Module {
 public:
  // logits [B, C] float. Of a network with a single sigmoid they are [0, z], whose softmax is 1 - sigmoid(z), sigmoid(z).
  // dropout: null in evaluation.
  virtual at::Tensor logits(const BaselineInputs& inputs, DropoutSource* dropout) = 0;
  virtual BaselineNeeds needs() const = 0;
  virtual void initialize(uint64_t seed) = 0;  // all weights but the vectors of words, which are set from outside
  // A penalty on the weights that is added to the classifier's mean loss: scalar float; undefined if the network has none.
  virtual at::Tensor penalty() { return {}; }
};

}  // namespace infig
