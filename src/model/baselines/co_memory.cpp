#include "model/baselines/co_memory.h"

#include <ATen/ATen.h>

#include "nn/linear.h"

namespace infig {

void CoMemoryOptions::validate() const {
  require_size("co_memory.lstm_size", lstm_size);
  require_size("co_memory.hops", hops);
  require_dropout("co_memory.dropout", dropout);
}

void bind_options(ConfigBinder& binder, CoMemoryOptions& options) {
  binder.section("co_memory");
  binder.field("lstm_size", options.lstm_size, {.low = 1}, "width of each direction of the text's LSTM; memories are twice as wide");
  binder.field("hops", options.hops, {.low = 1}, "readings of both memories; the published tables show 6");
  binder.field("dropout", options.dropout, {.low = 0, .high = 1, .high_open = true}, "dropout before the classifier");
}

CoMemoryNet::CoMemoryNet(const BaselineSizes& sizes, const CoMemoryOptions& options) : options_(options) {
  sizes.validate();
  options.validate();
  const int64_t width = 2 * options.lstm_size;
  words_ = register_module("words", WordVectors(sizes.words, sizes.word_size));
  lstm_ = register_module("lstm", BiLstm(sizes.word_size, options.lstm_size));
  grid_ = register_module("grid", linear(sizes.object_channels, width));
  image_attention_ = register_module("image_attention", AdditiveAttention(width, width, width));
  text_attention_ = register_module("text_attention", AdditiveAttention(width, width, width));
  image_gru_ = register_module("image_gru", GruCell(width, width));
  text_gru_ = register_module("text_gru", GruCell(width, width));
  classifier_ = register_module("classifier", linear(2 * width, sizes.labels));
}

void CoMemoryNet::initialize(uint64_t seed) { initialize_baseline(*this, StartRule::kGlorot, seed, {"words."}); }

at::Tensor CoMemoryNet::logits(const BaselineInputs& inputs, DropoutSource* source) {
  const at::Tensor text_mask = inputs.words.ne(0);
  const at::Tensor text = lstm_->forward(words_->forward(inputs.words), text_mask);
  const at::Tensor image = at::tanh(grid_->forward(inputs.object_grid));
  const at::Tensor image_mask = mask_of_rows(inputs.has_image, image.size(1));
  const at::Tensor image_keys = image_attention_->project(image), text_keys = text_attention_->project(text);
  at::Tensor text_state = masked_mean(text, text_mask), image_state = masked_mean(image, image_mask);
  for (int64_t hop = 0; hop < options_.hops; ++hop) {
    const at::Tensor seen = image_attention_->read(image, image_keys, text_state, image_mask);
    const at::Tensor heard = text_attention_->read(text, text_keys, image_state, text_mask);
    image_state = image_gru_->forward(seen, image_state);
    text_state = text_gru_->forward(heard, text_state);
  }
  return classifier_->forward(dropout(at::cat({text_state, image_state}, 1), options_.dropout, source)).to(at::kFloat);
}

}  // namespace infig
