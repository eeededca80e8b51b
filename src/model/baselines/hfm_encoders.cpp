#include "model/baselines/hfm_encoders.h"

#include <ATen/ATen.h>

#include "nn/linear.h"
#include "nn/transformer.h"

namespace infig {

void HfmEncoderOptions::validate(const std::string& section) const {
  require_size(section + ".lstm_size", lstm_size);
  require_size(section + ".region_size", region_size);
  require_size(section + ".attribute_size", attribute_size);
  require_size(section + ".text_length", text_length, 0);
  require_dropout(section + ".input_dropout", input_dropout);
}

void HfmEncoderOptions::bind(ConfigBinder& binder) {
  binder.field("lstm_size", lstm_size, {.low = 1}, "width of each direction of the text's LSTM");
  binder.field("region_size", region_size, {.low = 1}, "width of a region of the picture");
  binder.field("attribute_size", attribute_size, {.low = 1}, "hidden layer of the score of an attribute word");
  binder.field("text_length", text_length, {.low = 0},
               "words a text is cut and padded to, padding counted as in the released code; 0: its own words, padding masked");
  binder.field("input_dropout", input_dropout, {.low = 0, .high = 1, .high_open = true}, "dropout of the word vectors that enter the LSTM");
}

HfmEncoders::HfmEncoders(torch::nn::Module& parent, const BaselineSizes& sizes, const HfmEncoderOptions& options, bool attributes)
    : options_(options), word_size_(sizes.word_size) {
  words_ = register_at(parent, "words", WordVectors(sizes.words, sizes.word_size));
  lstm_ = register_at(parent, "lstm", BiLstm(sizes.word_size, options.lstm_size));
  regions_ = register_at(parent, "regions", linear(sizes.object_channels, options.region_size));
  if (!attributes) return;
  attribute_words_ = register_at(parent, "attribute_words", WordVectors(sizes.words, sizes.word_size, /*trained=*/false));
  attribute_hidden_ = register_at(parent, "attribute.hidden", linear(sizes.word_size, options.attribute_size));
  attribute_score_ = register_at(parent, "attribute.score", linear(options.attribute_size, 1, /*bias=*/false));
  const auto start = [&](const char* name) { return register_at(parent, name, linear(sizes.word_size, options.lstm_size)); };
  h_forward_ = start("start.h_forward");
  c_forward_ = start("start.c_forward");
  h_backward_ = start("start.h_backward");
  c_backward_ = start("start.c_backward");
}

HfmSide HfmEncoders::attributes_of(const at::Tensor& ids) {
  HfmSide side;
  side.elements = attribute_words_->forward(ids);
  side.mask = ids.ne(0);
  side.there = side.mask.any(1);
  const at::Tensor scores = attribute_score_->forward(at::relu(attribute_hidden_->forward(side.elements))).squeeze(2);
  side.guidance = weighted_sum(masked_softmax(scores, side.mask), side.elements);
  return side;
}

HfmSide HfmEncoders::text_of(const at::Tensor& words, const at::Tensor& guide, DropoutSource* source) {
  HfmSide side;
  at::Tensor ids = words;
  const int64_t length = options_.text_length;
  if (length > 0) ids = words.size(1) < length ? at::constant_pad_nd(words, {0, length - words.size(1)}) : words.slice(1, 0, length);
  side.there = ids.ne(0).any(1);
  side.mask = length > 0 ? mask_of_rows(side.there, length) : ids.ne(0);
  LstmStart start;
  if (guide.defined()) {
    const auto state = [&guide](torch::nn::Linear& layer) { return at::relu(layer->forward(guide)); };
    start.h = at::stack({state(h_forward_), state(h_backward_)});
    start.c = at::stack({state(c_forward_), state(c_backward_)});
  }
  const at::Tensor vectors = dropout(words_->forward(ids), options_.input_dropout, source);
  side.elements = lstm_->forward(vectors, length > 0 ? at::Tensor() : side.mask, start);
  side.guidance = masked_mean(side.elements, side.mask);
  return side;
}

HfmSide HfmEncoders::image_of(const BaselineInputs& inputs) {
  HfmSide side;
  side.elements = at::relu(regions_->forward(inputs.object_grid));
  side.there = inputs.has_image;
  side.mask = mask_of_rows(side.there, side.elements.size(1));
  side.guidance = masked_mean(side.elements, side.mask);
  return side;
}

HfmSides HfmEncoders::forward(const BaselineInputs& inputs, DropoutSource* source) {
  HfmSides sides;
  if (!attribute_words_.is_empty()) sides.attributes = attributes_of(inputs.attributes);
  sides.text = text_of(inputs.words, sides.attributes.guidance, source);
  sides.image = image_of(inputs);
  return sides;
}

}  // namespace infig
