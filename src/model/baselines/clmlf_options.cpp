#include "model/baselines/clmlf_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "model/published_keys.h"

namespace infig {
namespace {

constexpr int64_t kReleasedClasses = 3;

}  // namespace

ClmlfOptions::ClmlfOptions() {
  towers.text.max_length = 200;
  towers.image.encoder.num_hidden_layers = 2;
  towers.fusion.layers = 3;
  // INFIG's losses and its prior knowledge are no part of this model.
  towers.loss.lambda_g = towers.loss.lambda_f = 0;
  towers.hfam.layers = 1;
}

std::vector<std::string> ClmlfOptions::marks() const {
  std::vector<std::string> marks;
  if (towers.image.model.empty() && !towers.image.finetune) marks.emplace_back("random picture features");
  if (second_text_is_made()) marks.emplace_back("view=surrogate");
  if (net.strict) marks.emplace_back("strict");
  return marks;
}

void ClmlfOptions::bind(ConfigBinder& binder) {
  const Range from_one{.low = 1}, probability{.low = 0, .high = 1, .high_open = true};
  towers.bind_towers(binder);
  TransformerLayerOptions& layer = towers.fusion.layer;
  binder.section("clmlf");
  binder.field("num_hidden_layers", towers.fusion.layers, from_one, "fusion layers: 3 for MVSA-Single, 4 for MVSA-Multiple, 5 for HFM");
  binder.field("num_attention_heads", layer.num_attention_heads, from_one, "heads of a fusion layer; divides text.hidden_size");
  binder.field("intermediate_size", layer.intermediate_size, from_one, "width of the feed-forward part of a fusion layer");
  binder.field("hidden_dropout_prob", layer.hidden_dropout_prob, probability, "dropout of hidden states in a fusion layer");
  binder.field("attention_probs_dropout_prob", layer.attention_probs_dropout_prob, probability, "dropout of its attention weights");
  binder.field("dropout", net.dropout, probability, "dropout before the classifier");
  binder.field("temperature", net.temperature, {.low = 0, .low_open = true}, "tau of the contrastive losses");
  binder.field("data_weight", net.data_weight, {.low = 0}, "weight of the loss between a post and its second view; 0: off");
  binder.field("label_weight", net.label_weight, {.low = 0}, "weight of the loss between posts of one label; 0: off");
  binder.field("back_translation", net.back_translation,
               "JSON list of {\"id\", \"text_translation\"}: the second view's texts; empty: the text without some of its words, and the "
               "run is marked view=surrogate");
  binder.field("word_dropout", net.word_dropout, probability, "share of the words that such a text loses");
  binder.field("frozen_epochs", net.frozen_epochs, {.low = 0}, "epochs at the start in which the text encoder is not trained");
  binder.field("strict", net.strict,
               "as released: the grid is read without being transposed, the frozen backbone's BatchNorm uses the batch's statistics, three "
               "logits whatever the classes, a text that is cut loses its [SEP]");
  binder.section("loss");
  bind_options(binder, static_cast<ClassifierLossKeys&>(towers.loss));
}

void ClmlfOptions::resolve(bool random_init) {
  require_models({{"clmlf.back_translation", net.back_translation}});
  towers.resolve(random_init);
}

// What a checkpoint says of the encoders stands where INFIG has it; the keys stand under this model's name.
void ClmlfOptions::adopt(const nlohmann::json& config, const std::string& where) {
  nlohmann::json as_infig = nlohmann::json::object();
  for (const char* part : {"text_encoder", "image_backbone"}) {
    if (config.contains(part)) as_infig[part] = config[part];
  }
  const auto own = config.find("clmlf");
  if (own == config.end() || !own->is_object()) throw CheckpointError(fmt::format("{}: has no clmlf", where));
  as_infig["infig"] = nlohmann::json::object();
  for (const char* section : {"text", "image"}) {
    if (own->contains(section)) as_infig["infig"][section] = (*own)[section];
  }
  towers.adopt(as_infig, where);
}

void ClmlfOptions::finish() {
  if (towers.image.vision()) {
    throw ConfigError(fmt::format(
        "image.model={}: is a Vision Transformer; clmlf takes the grid of a convolutional network, such as a ResNet", towers.image.model));
  }
  if (towers.image.encoder.learned_positions) throw ConfigError("image.pos: is learned; the picture's layers of clmlf have no positions");
  if (towers.image.encoder.initializer_range != InfigOptions().image.encoder.initializer_range)
    throw ConfigError("image.initializer_range: the layers of clmlf start as PyTorch's do; leave it out");
  if (net.strict && towers.image.finetune)
    throw ConfigError("clmlf.strict: true is for a frozen backbone, as released; set image.finetune=false");
  if (!net.back_translation.empty() && net.word_dropout != ClmlfNetOptions().word_dropout)
    throw ConfigError("clmlf.word_dropout: is not used with clmlf.back_translation; leave one of them out");
  towers.finish();
  if (hidden_size() % 2 != 0)
    throw ConfigError(fmt::format("text.hidden_size: is {}; clmlf's classifier needs an even number", hidden_size()));
}

ClassificationLossOptions ClmlfOptions::classification(const std::vector<int64_t>& posts_of_class) const {
  ClassificationLossOptions options = towers.loss.classification(posts_of_class);
  // With strict there are logits of classes that no post has.
  if (net.strict && !options.class_weights.empty())
    options.class_weights.resize(std::max<size_t>(options.class_weights.size(), kReleasedClasses), 1.0);
  return options;
}

std::vector<std::string> ClmlfOptions::pretrained_parameters() const {
  std::vector<std::string> prefixes;
  if (!towers.text.model.empty()) prefixes.emplace_back("text_encoder.");
  if (!towers.image.model.empty()) prefixes.emplace_back("image_backbone.");
  return prefixes;
}

}  // namespace infig
