#include "model/baselines/multisentinet.h"

#include <ATen/ATen.h>

#include "nn/linear.h"

namespace infig {

void MultiSentiNetOptions::validate() const {
  require_size("multisentinet.lstm_size", lstm_size);
  require_size("multisentinet.picture_size", picture_size);
  require_size("multisentinet.hidden_size", hidden_size);
}

void bind_options(ConfigBinder& binder, MultiSentiNetOptions& options) {
  binder.section("multisentinet");
  binder.field("lstm_size", options.lstm_size, {.low = 1}, "width of the text's LSTM and of its attention");
  binder.field("picture_size", options.picture_size, {.low = 1}, "width of the object's and of the scene's vector");
  binder.field("hidden_size", options.hidden_size, {.low = 1}, "width of the layer before the classifier");
}

MultiSentiNet::MultiSentiNet(const BaselineSizes& sizes, const MultiSentiNetOptions& options) {
  sizes.validate();
  options.validate();
  const int64_t h = options.lstm_size, d = options.picture_size;
  words_ = register_module("words", WordVectors(sizes.words, sizes.word_size));
  lstm_ = register_module("lstm", ForwardLstm(sizes.word_size, h));
  object_ = register_module("object", linear(sizes.object_channels, d));
  scene_ = register_module("scene", linear(sizes.scene_channels, d));
  attention_ = register_module("attention", ContextAttention(h, h));
  object_guide_ = register_module("object_guide", linear(d, h, /*bias=*/false));
  scene_guide_ = register_module("scene_guide", linear(d, h, /*bias=*/false));
  hidden_ = register_module("hidden", linear(2 * d + h, options.hidden_size));
  classifier_ = register_module("classifier", linear(options.hidden_size, sizes.labels));
}

void MultiSentiNet::initialize(uint64_t seed) { initialize_baseline(*this, StartRule::kGlorot, seed, {"words."}); }

at::Tensor MultiSentiNet::logits(const BaselineInputs& inputs, DropoutSource* /*dropout*/) {
  const at::Tensor mask = inputs.words.ne(0), missing = inputs.has_image.logical_not().unsqueeze(1);
  const at::Tensor states = lstm_->forward(words_->forward(inputs.words), mask);
  const at::Tensor object = at::relu(object_->forward(inputs.object)).masked_fill(missing, 0.0);
  const at::Tensor scene = at::relu(scene_->forward(inputs.scene)).masked_fill(missing, 0.0);
  const at::Tensor text = attention_->forward(states, mask, object_guide_->forward(object) + scene_guide_->forward(scene));
  const at::Tensor all = at::cat({scene, object, text.to(scene.scalar_type())}, 1);
  return classifier_->forward(at::relu(hidden_->forward(all))).to(at::kFloat);
}

}  // namespace infig
