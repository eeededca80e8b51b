#include "model/baselines/mgnns.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>

#include "core/error.h"
#include "core/random.h"
#include "nn/attention.h"
#include "nn/linear.h"
#include "nn/transformer.h"

namespace infig {

QueryBlockImpl::QueryBlockImpl(int64_t size, const MgnnsOptions& options) : options_(options) {
  const int64_t inner = options.heads * options.head_size;
  query_ = register_module("query", linear(size, inner));
  key_ = register_module("key", linear(size, inner));
  value_ = register_module("value", linear(size, inner));
  output_ = register_module("output", linear(inner, size));
  inner_ = register_module("inner", linear(size, size));
  outer_ = register_module("outer", linear(size, size));
  const auto scale = [&](const char* name) { return add_scope(*this, name)->register_parameter("weight", at::ones({size})); };
  attention_weight_ = scale("attention_norm");
  attention_bias_ = named_children()["attention_norm"]->register_parameter("bias", at::zeros({size}));
  feed_forward_weight_ = scale("feed_forward_norm");
  feed_forward_bias_ = named_children()["feed_forward_norm"]->register_parameter("bias", at::zeros({size}));
}

// The clamp gives a vector of equal elements the gradient of zero that the square root would make NaN.
at::Tensor QueryBlockImpl::norm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) const {
  const at::Tensor centred = x - x.mean(1, true);
  const double degrees = std::max<double>(static_cast<double>(x.size(1)) - 1, 1);
  const at::Tensor deviation = (centred.square().sum(1, true) / degrees).clamp_min(1e-24).sqrt();
  return centred / (deviation + 1e-6) * weight + bias;
}

at::Tensor QueryBlockImpl::forward(const at::Tensor& query, const at::Tensor& memory, const at::Tensor& mask, DropoutSource* source) {
  const int64_t posts = memory.size(0), tokens = memory.size(1), heads = options_.heads, size = options_.head_size;
  const at::Tensor q = query_->forward(query).view({posts, heads, 1, size});
  const auto split = [&](const at::Tensor& x) { return x.view({posts, tokens, heads, size}).transpose(1, 2); };
  const at::Tensor k = split(key_->forward(memory)), v = split(value_->forward(memory));
  const at::Tensor scores = at::matmul(q, k.transpose(2, 3)) / std::sqrt(static_cast<double>(size));  // [B, H, 1, N]
  const at::Tensor weights =
      dropout(masked_softmax(scores, mask.view({posts, 1, 1, tokens}).expand_as(scores)), options_.attention_dropout, source);
  const at::Tensor read = at::matmul(weights.to(v.scalar_type()), v).reshape({posts, heads * size});
  const at::Tensor attended = norm((dropout(output_->forward(read), options_.dropout, source) + query).to(attention_weight_.scalar_type()),
                                   attention_weight_, attention_bias_);
  const at::Tensor fed = dropout(outer_->forward(at::relu(inner_->forward(attended))), options_.dropout, source);
  return norm((fed + attended).to(feed_forward_weight_.scalar_type()), feed_forward_weight_, feed_forward_bias_);
}

LabelAttentionImpl::LabelAttentionImpl(int64_t word_size, int64_t classes, int64_t size, int64_t labels, const MgnnsOptions& options)
    : options_(options), size_(size) {
  query_ = register_module("query", linear(word_size, size));
  key_ = register_module("key", linear(classes, size));
  value_ = register_module("value", linear(classes, size));
  output_ = register_module("output", linear(size, size));
  label_ = register_module("label", linear(size, options.label_size));
  join_ = register_module("join", linear(labels * options.label_size, size));
}

at::Tensor LabelAttentionImpl::attend(const at::Tensor& labels, const at::Tensor& scores, DropoutSource* source) {
  const int64_t heads = options_.attention_heads, size = size_ / heads, posts = scores.size(0);
  const at::Tensor q = query_->forward(labels).view({1, labels.size(0), heads, size});
  const at::Tensor k = key_->forward(scores).view({posts, 1, heads, size}), v = value_->forward(scores).view({posts, 1, heads, size});
  const at::Tensor weights = dropout(softmax_last(q * k / std::sqrt(static_cast<double>(size))), options_.dropout, source);
  return (weights * v).reshape({posts, labels.size(0), size_});
}

at::Tensor LabelAttentionImpl::forward(const at::Tensor& labels, const at::Tensor& scores, DropoutSource* source) {
  return join_->forward(label_->forward(output_->forward(attend(labels, scores, source))).flatten(1));
}

MgnnsNet::MgnnsNet(const BaselineSizes& sizes, const MgnnsOptions& options, const MgnnsSizes& graphs) : options_(options) {
  sizes.validate();
  options.validate();
  if (sizes.object_channels != sizes.scene_channels) {
    throw ConfigError(
        fmt::format("scene.model: its features have {} channels, those of image.model {}; the class graph of mgnns is shared "
                    "by both, so that they must be equal",
                    sizes.scene_channels, sizes.object_channels));
  }
  const int64_t size = 2 * options.lstm_size, channels = sizes.object_channels, width = sizes.word_size;
  if (width != size) {  // the sum of a text's nodes asks the same questions as the other vectors
    throw ConfigError(
        fmt::format("words.size: is {}; mgnns needs word vectors as wide as its other vectors, twice mgnns.lstm_size = {}", width, size));
  }
  words_ = register_module("words", WordVectors(sizes.words, width));
  graph_ = register_module("graph", TextGraph(sizes.words, width, options.ngram, graphs.pairs));
  lstm_[0] = register_at(*this, "lstm.0", BiLstm(width, options.lstm_size));
  lstm_[1] = register_at(*this, "lstm.1", BiLstm(size, options.lstm_size));
  object_ = register_module("object", linear(channels, size));
  scene_ = register_module("scene", linear(channels, size));
  const auto class_graph = add_scope(*this, "class_graph");
  graph_first_ = class_graph->register_parameter("first", at::zeros({width, options.graph_size}));
  graph_second_ = class_graph->register_parameter("second", at::zeros({options.graph_size, channels}));
  object_attention_ = register_module("object_attention", LabelAttention(width, graphs.objects, size, sizes.labels, options));
  scene_attention_ = register_module("scene_attention", LabelAttention(width, graphs.scenes, size, sizes.labels, options));
  const std::array<const char*, kStacks> names = {"object_text", "scene_text", "text_object", "text_scene"};
  for (size_t k = 0; k < kStacks; ++k) {
    for (int64_t n = 0; n < options.blocks; ++n)
      stacks_[k].push_back(register_at(*this, fmt::format("stack.{}.{}", names[k], n), QueryBlock(size, options)));
  }
  join_ = register_module("join", linear(kStacks * size, size));
  classifier_ = register_module("classifier", linear(size, sizes.labels));
  object_vectors_ = register_buffer("object_vectors", at::zeros({graphs.objects, width}));
  object_adjacency_ = register_buffer("object_adjacency", at::eye(graphs.objects));
  scene_vectors_ = register_buffer("scene_vectors", at::zeros({graphs.scenes, width}));
  scene_adjacency_ = register_buffer("scene_adjacency", at::eye(graphs.scenes));
  label_vectors_ = register_buffer("label_vectors", at::zeros({sizes.labels, width}));
}

void MgnnsNet::set_graphs(const MgnnsGraphs& graphs) {
  const at::NoGradGuard no_grad;
  graph_->set_pairs(graphs.pair_keys);
  const auto set = [](const char* name, at::Tensor& own, const at::Tensor& given) {
    if (given.sizes() != own.sizes())
      throw ShapeError(fmt::format("mgnns: {} must be {}, found {}", name, own.sizes().vec(), given.sizes().vec()));
    own.copy_(given);
  };
  set("object_vectors", object_vectors_, graphs.object_vectors);
  set("object_adjacency", object_adjacency_, graphs.object_adjacency);
  set("scene_vectors", scene_vectors_, graphs.scene_vectors);
  set("scene_adjacency", scene_adjacency_, graphs.scene_adjacency);
  set("label_vectors", label_vectors_, graphs.label_vectors);
}

MgnnsGraphs MgnnsNet::graphs() const {
  return {.pair_keys = graph_->pair_keys().clone(),
          .object_vectors = object_vectors_.clone(),
          .object_adjacency = object_adjacency_.clone(),
          .scene_vectors = scene_vectors_.clone(),
          .scene_adjacency = scene_adjacency_.clone(),
          .label_vectors = label_vectors_.clone()};
}

void MgnnsNet::initialize(uint64_t seed) {
  initialize_baseline(*this, StartRule::kTorch, seed, {"words.", "graph."});
  graph_->initialize();
  const auto draw = [seed](at::Tensor vectors, const char* name) {
    vectors.normal_(0, 0.1, at::detail::createCPUGenerator(derive_seed(seed, name)));
  };
  draw(object_vectors_, "object_vectors");
  draw(scene_vectors_, "scene_vectors");
  draw(label_vectors_, "label_vectors");
}

at::Tensor MgnnsNet::class_vector(const at::Tensor& grid, const at::Tensor& has_image, const at::Tensor& vectors,
                                  const at::Tensor& adjacency, LabelAttention& attention, DropoutSource* source) {
  // N itself is not made: from the picture's side the scores take B n (n + 1024) products, N alone n c (n + 1024), and posts are few.
  const at::Tensor inner = at::leaky_relu(at::matmul(at::matmul(adjacency, vectors), graph_first_), 0.2);  // [n, 1024]
  const at::Tensor seen = at::matmul(grid.amax(1), graph_second_.t());                                     // [B, 1024]
  const at::Tensor scores = at::matmul(at::matmul(seen, inner.t()), adjacency.t());                        // [B, n] = o N^T
  return attention->forward(label_vectors_, scores, source).masked_fill(has_image.logical_not().unsqueeze(1), 0.0);
}

at::Tensor MgnnsNet::run(Stack stack, at::Tensor query, const at::Tensor& memory, const at::Tensor& mask, DropoutSource* source) {
  for (QueryBlock& block : stacks_[stack]) query = block->forward(query, memory, mask, source);
  return query;
}

at::Tensor MgnnsNet::logits(const BaselineInputs& inputs, DropoutSource* source) {
  const at::Tensor mask = inputs.words.ne(0);
  const at::Tensor graph = at::relu(dropout(graph_->forward(inputs.words), options_.dropout, source));
  const at::Tensor lower = lstm_[0]->forward(words_->forward(inputs.words), mask);
  const at::Tensor text = lstm_[1]->forward(dropout(lower, options_.dropout, source), mask);
  const at::Tensor objects = object_->forward(inputs.object_grid), scene = scene_->forward(inputs.scene_grid);
  const at::Tensor object_mask = mask_of_rows(inputs.has_image, objects.size(1)),
                   scene_mask = mask_of_rows(inputs.has_image, scene.size(1));
  const at::Tensor object_vector =
      class_vector(inputs.object_grid, inputs.has_image, object_vectors_, object_adjacency_, object_attention_, source);
  const at::Tensor scene_vector =
      class_vector(inputs.scene_grid, inputs.has_image, scene_vectors_, scene_adjacency_, scene_attention_, source);
  const at::Tensor joined =
      at::cat({run(kObjectText, object_vector, text, mask, source), run(kSceneText, scene_vector, text, mask, source),
               run(kTextObject, graph, objects, object_mask, source), run(kTextScene, graph, scene, scene_mask, source)},
              1);
  return classifier_->forward(dropout(join_->forward(joined), options_.dropout, source)).to(at::kFloat);
}

}  // namespace infig
