#include "model/baselines/dr_net.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <cmath>

#include "core/error.h"
#include "nn/linear.h"
#include "nn/transformer.h"

namespace infig {

void DrNetOptions::validate() const {
  require_size("dr_net.lstm_size", lstm_size);
  require_size("dr_net.space_size", space_size);
  require_size("dr_net.heads", heads);
  require_size("dr_net.hidden_size", hidden_size);
  require_dropout("dr_net.dropout", dropout);
  if (space_size % heads != 0)
    throw ConfigError(fmt::format("dr_net.heads: is {}; allowed is a divisor of dr_net.space_size = {}", heads, space_size));
  if (!(orthogonality >= 0 && std::isfinite(orthogonality)))
    throw ConfigError(fmt::format("dr_net.orthogonality: is {}; allowed is >= 0", orthogonality));
}

void bind_options(ConfigBinder& binder, DrNetOptions& options) {
  binder.section("dr_net");
  binder.field("lstm_size", options.lstm_size, {.low = 1}, "width of each direction of the text's LSTM");
  binder.field("space_size", options.space_size, {.low = 1}, "width of the shared, the private and the relation's space");
  binder.field("heads", options.heads, {.low = 1}, "heads of the attention between attribute words and text; divides space_size");
  binder.field("hidden_size", options.hidden_size, {.low = 1}, "width of the layer before the classifier");
  binder.field("dropout", options.dropout, {.low = 0, .high = 1, .high_open = true}, "dropout before the classifier");
  binder.field("orthogonality", options.orthogonality, {.low = 0}, "weight of the penalty that keeps shared and private spaces apart");
}

DrNet::DrNet(const BaselineSizes& sizes, const DrNetOptions& options) : options_(options) {
  sizes.validate();
  options.validate();
  require_two_labels("dr-net", sizes.labels);
  const int64_t text = 2 * options.lstm_size, space = options.space_size;
  words_ = register_module("words", WordVectors(sizes.words, sizes.word_size));
  lstm_ = register_module("lstm", BiLstm(sizes.word_size, options.lstm_size));
  image_ = register_module("image", linear(sizes.object_channels, text));
  shared_ = register_module("shared", linear(text, space, /*bias=*/false));
  text_private_ = register_module("text_private", linear(text, space, /*bias=*/false));
  image_private_ = register_module("image_private", linear(text, space, /*bias=*/false));
  query_ = register_at(*this, "relation.query", linear(sizes.word_size, space));
  key_ = register_at(*this, "relation.key", linear(text, space));
  value_ = register_at(*this, "relation.value", linear(text, space));
  hidden_ = register_module("hidden", linear(3 * space, options.hidden_size));
  classifier_ = register_module("classifier", linear(options.hidden_size, 1));
}

void DrNet::initialize(uint64_t seed) { initialize_baseline(*this, StartRule::kGlorot, seed, {"words."}); }

at::Tensor DrNet::penalty() {
  if (options_.orthogonality == 0) return {};
  const auto overlap = [this](const torch::nn::Linear& own) { return at::matmul(shared_->weight, own->weight.t()).square().sum(); };
  return options_.orthogonality * (overlap(text_private_) + overlap(image_private_));
}

// Attention of every attribute word over the text, averaged over the words that are there: [B, k].
at::Tensor DrNet::relate(const at::Tensor& attributes, const at::Tensor& text, const at::Tensor& text_mask) {
  const int64_t posts = text.size(0), heads = options_.heads, size = options_.space_size / heads;
  const auto split = [&](const at::Tensor& x) { return x.view({posts, x.size(1), heads, size}).transpose(1, 2); };
  const at::Tensor query = split(query_->forward(words_->forward(attributes)));  // [B, H, A, k / H]
  const at::Tensor key = split(key_->forward(text)), value = split(value_->forward(text));
  const at::Tensor scores = at::matmul(query, key.transpose(2, 3)) / std::sqrt(static_cast<double>(size));
  const at::Tensor weights = masked_softmax(scores, text_mask.unsqueeze(1).unsqueeze(1).expand(scores.sizes()));
  const at::Tensor read = at::matmul(weights.to(value.scalar_type()), value);  // [B, H, A, k / H]
  return masked_mean(read.transpose(1, 2).reshape({posts, attributes.size(1), heads * size}), attributes.ne(0));
}

at::Tensor DrNet::logits(const BaselineInputs& inputs, DropoutSource* source) {
  const at::Tensor mask = inputs.words.ne(0);
  const at::Tensor states = lstm_->forward(words_->forward(inputs.words), mask);
  const at::Tensor text = masked_mean(states, mask);
  const at::Tensor image = image_->forward(inputs.object).masked_fill(inputs.has_image.logical_not().unsqueeze(1), 0.0);
  const at::Tensor contrast = text_private_->forward(text) - image_private_->forward(image);
  const at::Tensor common = (shared_->forward(text) + shared_->forward(image)) / 2;
  const at::Tensor joined = at::cat({contrast, common, relate(inputs.attributes, states, mask)}, 1);
  const at::Tensor hidden = dropout(at::relu(hidden_->forward(joined)), options_.dropout, source);
  return sigmoid_logits(classifier_->forward(hidden)).to(at::kFloat);
}

}  // namespace infig
