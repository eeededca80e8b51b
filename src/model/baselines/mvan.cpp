#include "model/baselines/mvan.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "nn/linear.h"
#include "nn/transformer.h"

namespace infig {

void MvanOptions::validate() const {
  require_size("mvan.lstm_size", lstm_size);
  require_size("mvan.hops", hops);
  require_size("mvan.hidden_size", hidden_size);
  require_dropout("mvan.dropout", dropout);
}

void bind_options(ConfigBinder& binder, MvanOptions& options) {
  binder.section("mvan");
  binder.field("lstm_size", options.lstm_size, {.low = 1}, "width of each direction of the text's LSTM; memories are twice as wide");
  binder.field("hops", options.hops, {.low = 1}, "readings of the memories, each with weights of its own");
  binder.field("hidden_size", options.hidden_size, {.low = 1}, "width of the fusion's hidden layer");
  binder.field("dropout", options.dropout, {.low = 0, .high = 1, .high_open = true}, "dropout behind the fusion's hidden layer");
}

MvanNet::MvanNet(const BaselineSizes& sizes, const MvanOptions& options) : options_(options) {
  sizes.validate();
  options.validate();
  const int64_t width = 2 * options.lstm_size;
  words_ = register_module("words", WordVectors(sizes.words, sizes.word_size));
  lstm_ = register_module("lstm", BiLstm(sizes.word_size, options.lstm_size));
  object_ = register_module("object", linear(sizes.object_channels, width));
  scene_ = register_module("scene", linear(sizes.scene_channels, width));
  for (int64_t n = 0; n < options.hops; ++n) {
    Hop& hop = hops_.emplace_back();
    const auto attention = [&](const char* name) {
      return register_at(*this, fmt::format("hop.{}.{}", n, name), AdditiveAttention(width, width, width));
    };
    hop.object = attention("object");
    hop.scene = attention("scene");
    hop.text_object = attention("text_object");
    hop.text_scene = attention("text_scene");
    if (n + 1 == options.hops) break;
    const auto cell = [&](const char* name, int64_t in) {
      return register_at(*this, fmt::format("hop.{}.{}", n, name), GruCell(in, width));
    };
    hop.text_gru = cell("text_gru", 2 * width);
    hop.object_gru = cell("object_gru", width);
    hop.scene_gru = cell("scene_gru", width);
  }
  hidden_ = register_module("hidden", linear(6 * width, options.hidden_size));
  classifier_ = register_module("classifier", linear(options.hidden_size, sizes.labels));
}

void MvanNet::initialize(uint64_t seed) { initialize_baseline(*this, StartRule::kGlorot, seed, {"words."}); }

at::Tensor MvanNet::logits(const BaselineInputs& inputs, DropoutSource* source) {
  const at::Tensor text_mask = inputs.words.ne(0);
  const at::Tensor text = lstm_->forward(words_->forward(inputs.words), text_mask);
  const at::Tensor object = at::tanh(object_->forward(inputs.object_grid)), scene = at::tanh(scene_->forward(inputs.scene_grid));
  const at::Tensor object_mask = mask_of_rows(inputs.has_image, object.size(1)), scene_mask = mask_of_rows(inputs.has_image, scene.size(1));
  at::Tensor text_state = masked_mean(text, text_mask);
  at::Tensor object_state = masked_mean(object, object_mask), scene_state = masked_mean(scene, scene_mask);
  std::vector<at::Tensor> last;
  for (Hop& hop : hops_) {
    const auto read = [](AdditiveAttention& by, const at::Tensor& memory, const at::Tensor& query, const at::Tensor& mask) {
      return by->read(memory, by->project(memory), query, mask);
    };
    const at::Tensor o = read(hop.object, object, text_state, object_mask), s = read(hop.scene, scene, text_state, scene_mask);
    const at::Tensor t_o = read(hop.text_object, text, object_state, text_mask), t_s = read(hop.text_scene, text, scene_state, text_mask);
    last = {t_o, t_s, o, s};
    if (hop.text_gru.is_empty()) break;
    text_state = hop.text_gru->forward(at::cat({t_o, t_s}, 1), text_state);
    object_state = hop.object_gru->forward(o, object_state);
    scene_state = hop.scene_gru->forward(s, scene_state);
  }
  const at::Tensor stacked = at::stack(last, 1);  // [B, 4, 2h]
  const at::Tensor fused = at::cat({stacked.flatten(1), stacked.amax(1), stacked.mean(1)}, 1);
  return classifier_->forward(dropout(at::relu(hidden_->forward(fused)), options_.dropout, source)).to(at::kFloat);
}

}  // namespace infig
