// The three encoders of the models made for HFM (Cai, Cai, Wan: Multi-Modal Sarcasm Detection in Twitter with Hierarchical Fusion Model,
// ACL 2019; released code: headacheboy/data-of-multimodal-sarcasm-detection), which MMSD fuses and Concat(2), Concat(3) only join.
//   attributes  e_k: frozen vectors of the picture's attribute words; a = sum_k softmax_k(w . relu(U e_k + u)) e_k [B, w]
//   text        H = BiLstm(dropout(words)) [B, L, 2h]; with attributes, h and c of each direction start as relu(A a + b), four layers
//   picture     R_i = relu(V region_i + v) [B, P, r]
// Each side gives its elements, a mask of them, and its guidance: a for attributes, the mean over elements for the others.
// As released, a text is cut and padded to 75 words, and the LSTM and the mean run over the padding too: padding is not masked.
// What only a softmax over the elements would see (a bias of their score) is left out: it changes nothing.
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include "core/config.h"
#include "model/baselines/baseline_net.h"
#include "model/baselines/layers.h"

namespace infig {

struct HfmEncoderOptions {
  int64_t lstm_size = 256;       // h: of each direction
  int64_t region_size = 1024;    // r
  int64_t attribute_size = 100;  // hidden layer of an attribute's score
  int64_t text_length = 75;      // words a text is cut and padded to, padding counted; 0: its own words, padding masked
  double input_dropout = 0.2;    // on the word vectors that enter the LSTM
  void validate(const std::string& section) const;
  void bind(ConfigBinder& binder);  // within the section that the binder stands at
};

struct HfmSide {
  at::Tensor elements;  // [B, N, d]
  at::Tensor mask;      // [B, N] bool
  at::Tensor guidance;  // [B, d]: zero where the side is missing
  at::Tensor there;     // [B] bool
};

struct HfmSides {
  HfmSide text, image, attributes;  // attributes undefined without them
};

// Parameters: words.weight, lstm.*, regions.*; with attributes attribute_words.weight (set from outside, not trained), attribute.hidden.*,
// attribute.score.weight, start.{h_forward,c_forward,h_backward,c_backward}.*.
class HfmEncoders {
 public:
  // Registers its parts in `parent` itself, so that their names have no prefix.
  HfmEncoders(torch::nn::Module& parent, const BaselineSizes& sizes, const HfmEncoderOptions& options, bool attributes);
  HfmSides forward(const BaselineInputs& inputs, DropoutSource* source);
  int64_t text_size() const { return 2 * options_.lstm_size; }
  int64_t image_size() const { return options_.region_size; }
  int64_t attribute_size() const { return word_size_; }

 private:
  HfmSide attributes_of(const at::Tensor& ids);
  HfmSide text_of(const at::Tensor& words, const at::Tensor& guide, DropoutSource* source);
  HfmSide image_of(const BaselineInputs& inputs);

  HfmEncoderOptions options_;
  int64_t word_size_;
  WordVectors words_{nullptr}, attribute_words_{nullptr};
  BiLstm lstm_{nullptr};
  torch::nn::Linear regions_{nullptr}, attribute_hidden_{nullptr}, attribute_score_{nullptr};
  torch::nn::Linear h_forward_{nullptr}, c_forward_{nullptr}, h_backward_{nullptr}, c_backward_{nullptr};
};

}  // namespace infig
