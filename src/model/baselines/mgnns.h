// MGNNS (Yang, Feng, Zhang, Wang: Multimodal Sentiment Detection Based on Multi-channel Graph Neural Networks, ACL 2021; released code:
// YangXiaocui1215/MGNNS). Of a post, with w = d = 300:
//   text graph      t = relu(dropout(TextGraph(words))) [B, d]                               (text_graph.h)
//   text memory     T = BiLstm(dropout(BiLstm(words))) [B, W, d]
//   pictures        O_i = A object_i + a, S_i = B scene_i + b [B, P, d]; o, s: the maximum over cells of the grids [B, c]
//   class graphs    N = G leaky(G X U1) U2 [n, c], leaky slope .2; X [n, w]: the classes' word vectors, G [n, n]: normalised co-occurrence
//   of
//                   the classes; U1, U2 are shared by objects (n = 80) and scenes (n = 365); scores y = o N^T [B, n]
//   attention       per label l with word vector e_l and per head: softmax over the head's 60 DIMENSIONS of q_l * k / sqrt(60), dropout,
//   times
//                   v; q = Linear(e_l), k, v = Linear(y); then Linear(d), Linear(100) per label, all labels side by side, Linear(d): vector
//                   y'
//   fusion          four stacks of blocks, one query each: y'_object -> T, y'_scene -> T, t -> O, t -> S
//                   block: h = norm(q + dropout(W attend(q, M))), out = norm(h + dropout(F2 relu(F1 h)))
//                   norm: (x - mean) / (unbiased deviation + 1e-6) * g + b
//   logits          C dropout(D [four vectors] + d0) + c
// Deviates from the release: all layers are trained (its optimizer leaves out the embedding, the projections of the memories and both
// classifier layers, which stay random); gamma is used (the released call omits it and fails); the picture networks are frozen, since their
// features are computed once; attention over a text without words reads a zero vector; without a picture the cells, y'_object and y'_scene
// take no part (zero vectors). The keys are in mgnns_options.cpp.
#pragma once

#include <torch/nn/modules/linear.h>
#include <torch/types.h>

#include <array>
#include <vector>

#include "core/config.h"
#include "model/baselines/baseline_net.h"
#include "model/baselines/layers.h"
#include "model/baselines/text_graph.h"

namespace infig {

struct MgnnsOptions {
  int64_t ngram = 5;            // positions on each side that a word of the graph is joined with
  int64_t window = 5;           // positions on each side in which pairs of words are counted for their PMI
  int64_t min_pair_count = 2;   // pairs counted less often share one weight
  int64_t lstm_size = 150;      // of each direction; d is twice as much
  int64_t graph_size = 1024;    // between the two layers of the class graphs
  int64_t attention_heads = 5;  // of the sentiment attention; divides d
  int64_t label_size = 100;     // what it keeps of each label
  int64_t blocks = 2;           // in each stack
  int64_t heads = 4;            // of a block's attention
  int64_t head_size = 128;      // width of each of them
  double dropout = 0.5;         // everywhere but in a block's attention
  double attention_dropout = 0.1;
  double object_threshold = 0.6;  // co-occurrence P(j | i) from which classes are joined
  double scene_threshold = 0.5;
  double gamma = 0.2;     // share of the neighbours in a class's row of G, [0, 1]
  void validate() const;  // throws ConfigError
};
void bind_options(ConfigBinder& binder, MgnnsOptions& options);  // section mgnns

struct MgnnsSizes {
  int64_t pairs = 0;     // E: pairs of words with a weight of their own
  int64_t objects = 80;  // classes of objects
  int64_t scenes = 365;  // classes of scenes
};

// What a data set gives once; stored with the weights, as buffers. initialize() draws the vectors from N(0, 0.1).
struct MgnnsGraphs {
  at::Tensor pair_keys;                         // [E] int64, see TextGraph
  at::Tensor object_vectors, object_adjacency;  // X [objects, w] and G [objects, objects] float
  at::Tensor scene_vectors, scene_adjacency;    // the same of scenes
  at::Tensor label_vectors;                     // [C, w] float
};

// One query's attention, and the feed-forward layer behind it. Parameters query.*, key.*, value.*, output.*, attention_norm.*, inner.*,
// outer.*, feed_forward_norm.*.
class QueryBlockImpl : public torch::nn::Module {
 public:
  QueryBlockImpl(int64_t size, const MgnnsOptions& options);
  // query [B, d], memory [B, N, d], mask [B, N] bool -> [B, d].
  at::Tensor forward(const at::Tensor& query, const at::Tensor& memory, const at::Tensor& mask, DropoutSource* source);

 private:
  at::Tensor norm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) const;
  MgnnsOptions options_;
  torch::nn::Linear query_{nullptr}, key_{nullptr}, value_{nullptr}, output_{nullptr}, inner_{nullptr}, outer_{nullptr};
  at::Tensor attention_weight_, attention_bias_, feed_forward_weight_, feed_forward_bias_;
};
TORCH_MODULE(QueryBlock);

// The attention over a head's dimensions. Parameters query.*, key.*, value.*, output.*, label.*, join.*.
class LabelAttentionImpl : public torch::nn::Module {
 public:
  LabelAttentionImpl(int64_t word_size, int64_t classes, int64_t size, int64_t labels, const MgnnsOptions& options);
  at::Tensor attend(const at::Tensor& labels, const at::Tensor& scores,
                    DropoutSource* source);  // [C, w], [B, n] -> [B, C, d]: before output
  at::Tensor forward(const at::Tensor& labels, const at::Tensor& scores, DropoutSource* source);  // -> [B, d]

 private:
  MgnnsOptions options_;
  int64_t size_;
  torch::nn::Linear query_{nullptr}, key_{nullptr}, value_{nullptr}, output_{nullptr}, label_{nullptr}, join_{nullptr};
};
TORCH_MODULE(LabelAttention);

// Parameters: words.weight, graph.{nodes.weight,pair_weight}, lstm.{0,1}.*, object.*, scene.*, class_graph.{first,second} [in, out],
// object_attention.*, scene_attention.*, stack.{object_text,scene_text,text_object,text_scene}.N.*, join.*, classifier.*; buffers
// graph.pair_keys, object_vectors, object_adjacency, scene_vectors, scene_adjacency, label_vectors. Throws ConfigError if the two grids
// differ in channels, which the shared class graph does not allow.
class MgnnsNet : public BaselineNet {
 public:
  MgnnsNet(const BaselineSizes& sizes, const MgnnsOptions& options, const MgnnsSizes& graphs);
  void set_graphs(const MgnnsGraphs& graphs);  // throws ShapeError
  MgnnsGraphs graphs() const;                  // copies
  at::Tensor logits(const BaselineInputs& inputs, DropoutSource* dropout) override;
  BaselineNeeds needs() const override { return {.object_grid = true, .scene_grid = true}; }
  void initialize(uint64_t seed) override;

 private:
  enum Stack { kObjectText, kSceneText, kTextObject, kTextScene, kStacks };
  at::Tensor class_vector(const at::Tensor& grid, const at::Tensor& has_image, const at::Tensor& vectors, const at::Tensor& adjacency,
                          LabelAttention& attention, DropoutSource* source);
  at::Tensor run(Stack stack, at::Tensor query, const at::Tensor& memory, const at::Tensor& mask, DropoutSource* source);

  MgnnsOptions options_;
  WordVectors words_{nullptr};
  TextGraph graph_{nullptr};
  std::array<BiLstm, 2> lstm_ = {nullptr, nullptr};
  torch::nn::Linear object_{nullptr}, scene_{nullptr}, join_{nullptr}, classifier_{nullptr};
  at::Tensor graph_first_, graph_second_;
  at::Tensor object_vectors_, object_adjacency_, scene_vectors_, scene_adjacency_, label_vectors_;
  LabelAttention object_attention_{nullptr}, scene_attention_{nullptr};
  std::array<std::vector<QueryBlock>, kStacks> stacks_;
};

}  // namespace infig
