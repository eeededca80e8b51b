// Parts that the networks of Table 2 share. One rule holds in all of them: what is missing takes no part. A mask says which elements are
// there; means and attention over no element at all are zero vectors, with zero gradients.
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace infig {

// What a network takes from outside its own options. None of these is a key of the network.
struct BaselineSizes {
  int64_t words = 2;               // rows of the table of words, V; ids 0 (padding) and 1 (unknown) included
  int64_t word_size = 200;         // width of a word's vector
  int64_t object_channels = 2048;  // of BaselineInputs::object_grid and object
  int64_t scene_channels = 2048;   // of BaselineInputs::scene_grid and scene
  int64_t labels = 3;              // classes
  void validate() const;           // throws ConfigError
};

// For validate() of a network's options. All throw ConfigError naming key, value and what is allowed.
void require_size(const std::string& key, int64_t value, int64_t least = 1);
void require_dropout(const std::string& key, double value);
// A network with a single sigmoid tells two classes apart.
void require_two_labels(const std::string& model, int64_t labels);

// scores [..., N] float, mask of that shape, bool -> weights [..., N]: softmax over the elements that are there, 0 elsewhere.
at::Tensor masked_softmax(const at::Tensor& scores, const at::Tensor& mask);
// weights [B, N], x [B, N, d] -> sum_i weights_i x_i [B, d].
at::Tensor weighted_sum(const at::Tensor& weights, const at::Tensor& x);
// x [B, N, d], mask [B, N] bool -> the mean of the elements that are there, [B, d].
at::Tensor masked_mean(const at::Tensor& x, const at::Tensor& mask);
// has [B] bool -> [B, N] bool, each row all true or all false.
at::Tensor mask_of_rows(const at::Tensor& has, int64_t n);
// Logits [0, z] of a single sigmoid, z [B, 1] -> [B, 2].
at::Tensor sigmoid_logits(const at::Tensor& z);

// Vectors of words. Parameter weight [V, w] float, all zeros until it is set from outside; the first row, of padding, is zero and stays so,
// since it gets no gradient.
class WordVectorsImpl : public torch::nn::Module {
 public:
  explicit WordVectorsImpl(int64_t words, int64_t size, bool trained = true);
  at::Tensor forward(const at::Tensor& ids) const;  // [B, N] int64 -> [B, N, w]

 private:
  at::Tensor weight_;
};
TORCH_MODULE(WordVectors);

// First state of an LSTM: both [2, B, h], forward direction first. Undefined: zeros.
struct LstmStart {
  at::Tensor h = {}, c = {};
};

// One layer of a bidirectional LSTM (PyTorch's gates and parameter names: weight_ih_l0 [4h, in], ..., bias_hh_l0_reverse [4h]):
//   i, f, o = sigmoid(W x + U h + b) each, g = tanh(W x + U h + b), c' = f c + i g, h' = o tanh(c')
// Computed in float32 whatever the precision: errors of a recurrence add up.
class BiLstmImpl : public torch::nn::Module {
 public:
  BiLstmImpl(int64_t in_size, int64_t size);
  // x [B, L, in]; mask [B, L] bool, true at the first n_b steps of row b, or undefined: every step counts. Both directions run over the
  // first n_b steps only: the backward one starts at step n_b - 1. Returns [B, L, 2h], forward states first, zeros where the mask is false.
  at::Tensor forward(const at::Tensor& x, const at::Tensor& mask, const LstmStart& start = {});

 private:
  int64_t size_;
  std::vector<at::Tensor> weights_;  // in the order in which at::lstm takes them
};
TORCH_MODULE(BiLstm);

// PyTorch's GRU cell (parameters weight_ih [3h, in], weight_hh [3h, h], bias_ih, bias_hh):
//   r, z = sigmoid(W x + b + U h + b') each, n = tanh(W x + b + r (U h + b')), h' = (1 - z) n + z h
// In float32, as the LSTM.
class GruCellImpl : public torch::nn::Module {
 public:
  GruCellImpl(int64_t in_size, int64_t size);
  at::Tensor forward(const at::Tensor& x, const at::Tensor& h);  // [B, in], [B, h] -> [B, h]

 private:
  at::Tensor weight_ih_, weight_hh_, bias_ih_, bias_hh_;
};
TORCH_MODULE(GruCell);

// a = softmax_i w . tanh(W1 x_i + W2 q), read = sum_i a_i x_i. Parameters memory.weight [k, d], query.weight [k, e], score.weight [1, k].
class AdditiveAttentionImpl : public torch::nn::Module {
 public:
  AdditiveAttentionImpl(int64_t memory_size, int64_t query_size, int64_t size);
  // W1 x_i: x [B, N, d] -> [B, N, k]. The same for every query of a memory.
  at::Tensor project(const at::Tensor& memory);
  // memory [B, N, d], projected = project(memory), query [B, e], mask [B, N] bool. Returns [B, d].
  at::Tensor read(const at::Tensor& memory, const at::Tensor& projected, const at::Tensor& query, const at::Tensor& mask);

 private:
  torch::nn::Linear memory_{nullptr}, query_{nullptr}, score_{nullptr};
};
TORCH_MODULE(AdditiveAttention);

// Random initial weights, each parameter from its own stream named after it; norm.weight is 1, norm.bias 0. Parameters whose name begins
// with one of `except` keep their values (tables of words are set from outside), and so does whatever has no gradient. In
// start_weights.cpp.
enum class StartRule {
  kGlorot,           // matrices U(-a, a), a = sqrt(6 / (in + out)); biases 0 (Keras)
  kTruncatedNormal,  // matrices N(0, 0.08) within two deviations, biases 0.01 (MMSD)
  kTorch,            // U(-b, b), b = 1 / sqrt(in) of the layer, of an LSTM or GRU 1 / sqrt(h); biases too (PyTorch's defaults)
};
void initialize_baseline(torch::nn::Module& module, StartRule rule, uint64_t seed, const std::vector<std::string>& except = {});

}  // namespace infig
