// check_stored_sizes: which key of config.json is the size of which tensor.
#include <fmt/format.h>

#include <cmath>
#include <set>
#include <string_view>

#include "core/error.h"
#include "core/json_fields.h"
#include "run/image_sizes.h"
#include "run/size_check.h"
#include "run/stored_model.h"

namespace infig {
namespace {

const std::string kText = "text_encoder.";

// DeBERTa's and BERT's sizes have the same keys in the model's own options and in a published config.
void check_text(const SizeCheck& check, const JsonFields& text, const char* hidden = "embeddings.LayerNorm.weight") {
  const std::string layers = kText + "encoder.layer.";
  check.side(text, "hidden_size", kText + hidden, 0);
  check.count(text, "num_hidden_layers", text.integer("num_hidden_layers"), layers);
  check.side(text, "intermediate_size", layers + "0.intermediate.dense.weight", 0);
}

void check_distilbert(const SizeCheck& check, const JsonFields& text) {
  const std::string embeddings = kText + "embeddings.", layers = kText + "transformer.layer.";
  check.side(text, "dim", embeddings + "word_embeddings.weight", 1);
  check.count(text, "n_layers", text.integer("n_layers"), layers);
  check.side(text, "hidden_dim", layers + "0.ffn.lin1.weight", 0);
  check.side(text, "max_position_embeddings", embeddings + "position_embeddings.weight", 0);
}

void check_modernbert(const SizeCheck& check, const JsonFields& text) {
  const std::string layers = kText + "layers.";
  check.side(text, "hidden_size", kText + "embeddings.tok_embeddings.weight", 1);
  check.count(text, "num_hidden_layers", text.integer("num_hidden_layers"), layers);
  check.side(text, "intermediate_size", layers + "0.mlp.Wo.weight", 1);
}

bool flag_of(const JsonFields& fields, const std::string& key, bool fallback) { return fields.has(key) ? fields.flag(key) : fallback; }

// What DeBERTa has beyond that: positions, absolute or relative.
void check_deberta(const SizeCheck& check, const JsonFields& text) {
  check_text(check, text);
  const int64_t positions = text.integer("max_position_embeddings");
  if (flag_of(text, "position_biased_input", true))
    check.compare(text, "max_position_embeddings", positions, kText + "embeddings.position_embeddings.weight", 0);
  if (!flag_of(text, "relative_attention", false)) return;
  const int64_t reach = text.integer_if("max_relative_positions").value_or(-1), buckets = text.integer_if("position_buckets").value_or(-1);
  const char* key = buckets > 0 ? "position_buckets" : reach < 1 ? "max_position_embeddings" : "max_relative_positions";
  check.compare(text, key, buckets > 0 ? buckets : reach < 1 ? positions : reach, kText + "encoder.rel_embeddings.weight", 0, 2);
  // The largest distance is the size of a table of buckets, even where no weight has it.
  constexpr int64_t kMostPositions = int64_t{1} << 20;
  if (reach > kMostPositions) text.refuse("max_relative_positions", fmt::format("at most {}", kMostPositions));
  if (positions > kMostPositions) text.refuse("max_position_embeddings", fmt::format("at most {}", kMostPositions));
}

void check_published_text(const SizeCheck& check, const JsonFields& text) {
  const std::string words = kText + "embeddings.word_embeddings.weight", type = text.text("model_type");
  if (type == "distilbert") return check_distilbert(check, text);
  if (type == "modernbert") return check_modernbert(check, text);
  if (type == "deberta-v2") {
    check_deberta(check, text);
    const bool narrow = text.integer_if("embedding_size").value_or(0) > 0;
    check.side(text, narrow ? "embedding_size" : "hidden_size", words, 1);
    if (text.integer_if("conv_kernel_size").value_or(0) > 0) check.side(text, "conv_kernel_size", kText + "encoder.conv.conv.weight", 2);
  } else {
    const bool electra = type == "electra";
    check_text(check, text, electra ? "encoder.layer.0.output.LayerNorm.weight" : "embeddings.LayerNorm.weight");
    check.side(text, electra ? "embedding_size" : "hidden_size", words, 1);
    check.side(text, "max_position_embeddings", kText + "embeddings.position_embeddings.weight", 0);
    if (type == "mpnet") check.side(text, "relative_attention_num_buckets", kText + "encoder.relative_attention_bias.weight", 0);
  }
  if (type != "mpnet" && text.integer_if("type_vocab_size").value_or(0) > 0)
    check.side(text, "type_vocab_size", kText + "embeddings.token_type_embeddings.weight", 0);
}

// The text encoder of a model: by its keys where it is from scratch, else by the published config.
void check_text_encoder(const SizeCheck& check, const JsonFields& text, const JsonFields& published) {
  const bool modern = !text.text("model").empty() && published.text("model_type") == "modernbert";
  check.side(published, "vocab_size", kText + (modern ? "embeddings.tok_embeddings.weight" : "embeddings.word_embeddings.weight"), 0);
  if (text.text("model").empty()) {
    check_deberta(check, text);
    check.side(text, "hidden_size", kText + "embeddings.word_embeddings.weight", 1);
  } else {
    check_published_text(check, published);
  }
}

// Cells a side: the picture's size over the backbone's stride, with learned positions a row each and one for the CLS.
void check_positions(const SizeCheck& check, const JsonFields& image, int64_t stride) {
  const std::string positions = "image_encoder.position_embeddings";
  if (image.text("pos") != "learned") return;
  const int64_t rows = check.size_of(image, "pos", positions, 0), size = image.integer("size");
  for (const int64_t cells : {size / std::max<int64_t>(stride, 1), size / std::max<int64_t>(stride, 1) + 1}) {  // the last may be a part
    if (cells > 0 && cells < int64_t{1} << 20 && rows == 1 + cells * cells) return;
  }
  image.refuse("size", fmt::format("the size of {}, which has {} rows (1 and a cell of {} pixels each)", positions, rows, stride));
}

void check_image(const SizeCheck& check, const JsonFields& image, const nlohmann::json& backbone, const std::string& where) {
  if (!image.text("model").empty()) {
    const JsonFields network = JsonFields({{"image_backbone", backbone}}, where).object("image_backbone");
    if (is_vision(network)) return check_vision(check, image, network);
  }
  check.count(image, "num_hidden_layers", image.integer("num_hidden_layers"), "image_encoder.layer.");
  check.side(image, "intermediate_size", "image_encoder.layer.0.intermediate.dense.weight", 0);
  int64_t stride = 32;
  if (!image.text("model").empty()) {
    stride = check_published_image(check, JsonFields({{"image_backbone", backbone}}, where).object("image_backbone"));
  } else {
    check_resnet(check, image, "stage_blocks", "stage_widths", 1, "stem_width");
    const int64_t stem = image.integer("stem_stride");
    if (stem < 1 || stem > 64) image.refuse("stem_stride", "1 to 64");
    stride = 8 * stem * (image.flag("stem_pool") ? 2 : 1);
  }
  check_positions(check, image, stride);
}

void check_alignment(const SizeCheck& check, const JsonFields& options, const char* name) {
  const JsonFields part = options.object(name);
  if (part.integer("proj_dim") > 0) check.side(part, "proj_dim", fmt::format("{}.image_projection.weight", name), 0);
}

// The largest side of any tensor: no width of a network is larger.
int64_t largest_side(const StoredTensors& tensors) {
  int64_t largest = 1024;
  for (const auto& [name, tensor] : tensors) {
    for (const int64_t side : tensor.shape) largest = std::max(largest, side);
  }
  return largest;
}

// The models of Table 2 that read words (model/baselines): what all of them have, and that no key of the network's own section is a size
// that no tensor has.
void check_baseline(const StoredModel& stored, const StoredTensors& tensors, const std::string& weights) {
  static const std::set<std::string> kShared = {"words", "captions", "attributes", "image", "scene", "loss"};
  const SizeCheck check(tensors, weights);
  const JsonFields config(stored.config, stored.where), options = config.object(stored.model_type);
  check.side(config, "word_rows", "vectors_found", 0);
  check.side(options.object("words"), "size", "net.words.weight", 1);
  const int64_t largest = largest_side(tensors);
  for (const auto& [section, keys] : options.json().items()) {
    if (kShared.contains(section) || !keys.is_object()) continue;
    const JsonFields own = options.object(section);
    for (const auto& [key, value] : keys.items()) {
      if (value.is_number_integer() && (value.get<int64_t>() < 0 || value.get<int64_t>() > largest))
        own.refuse(key, fmt::format("at most {}, the largest side of a tensor in {}", largest, weights));
    }
  }
  if (config.has("class_names")) {
    check.side(config.object("class_names"), "classes", "class_words", 0);
    check.side(config.object("class_names"), "width", "class_words", 1);
  }
  if (config.has("graphs")) {  // MGNNS
    const JsonFields graphs = config.object("graphs");
    check.side(graphs, "pairs", "net.graph.pair_keys", 0);
    check.side(graphs, "objects", "net.object_vectors", 0);
    check.side(graphs, "scenes", "net.scene_vectors", 0);
  }
  if (!config.has("image_backbone")) return;
  if (options.object("image").text("model").empty()) {
    check_resnet(check, options.object("image"), "stage_blocks", "stage_widths", 1, "stem_width");
  } else {
    check_frozen(check, config.object("image_backbone"));
  }
  if (!config.has("scene_backbone")) return;
  constexpr std::string_view kScene = "scene_encoder.";
  StoredTensors scene;
  for (const auto& [name, tensor] : tensors) {
    if (name.starts_with(kScene)) scene.emplace("image_encoder." + name.substr(kScene.size()), tensor);
  }
  check_frozen(SizeCheck(scene, weights), config.object("scene_backbone"));
}

// CLMLF: INFIG's text encoder, a frozen network under image_backbone., and layers of its own.
void check_clmlf(const StoredModel& stored, const StoredTensors& tensors, const std::string& weights) {
  constexpr std::string_view kPicture = "image_backbone.";
  StoredTensors renamed;
  for (const auto& [name, tensor] : tensors)
    renamed.emplace(name.starts_with(kPicture) ? "image_encoder.backbone." + name.substr(kPicture.size()) : name, tensor);
  const SizeCheck check(renamed, weights);
  const nlohmann::json whole = {
      {"clmlf", stored.options}, {"text_encoder", stored.text_encoder}, {"image_backbone", stored.image_backbone}};
  const JsonFields config(whole, stored.where), options = config.object("clmlf"), image = options.object("image"),
                                                own = options.object("clmlf");
  check_text_encoder(check, options.object("text"), config.object("text_encoder"));
  if (image.text("model").empty()) {
    check_resnet(check, image, "stage_blocks", "stage_widths", 1, "stem_width");
  } else {
    check_frozen(check, config.object("image_backbone"));
  }
  check.count(image, "num_hidden_layers", image.integer("num_hidden_layers"), "image.layer.");
  check.side(image, "intermediate_size", "image.layer.0.intermediate.dense.weight", 0);
  check.count(own, "num_hidden_layers", own.integer("num_hidden_layers"), "fusion.layer.");
  check.side(own, "intermediate_size", "fusion.layer.0.intermediate.dense.weight", 0);
}

}  // namespace

void check_stored_sizes(const StoredModel& stored, const StoredTensors& tensors, const std::string& weights) {
  const bool infig = stored.model_type == "infig";
  if (!infig && stored.config.contains("word_rows")) return check_baseline(stored, tensors, weights);
  if (stored.model_type == "clmlf") return check_clmlf(stored, tensors, weights);
  if (!infig) return;  // another model's sizes are its own to check
  const SizeCheck check(tensors, weights);
  const nlohmann::json whole = {{"infig", stored.options},
                                {"text_encoder", stored.text_encoder},
                                {"image_backbone", stored.image_backbone},
                                {"clip_embed_dim", stored.clip_embed_dim},
                                {"id2label", stored.labels.size()}};
  const JsonFields config(whole, stored.where);
  const JsonFields options = config.object("infig");
  check.side(config, "id2label", "head.classifier.weight", 0);
  check_text_encoder(check, options.object("text"), config.object("text_encoder"));
  check_image(check, options.object("image"), stored.image_backbone, stored.where);
  const JsonFields fusion = options.object("fusion");
  check.count(fusion, "num_hidden_layers", fusion.integer("num_hidden_layers"), "fusion.layer.");
  check.side(fusion, "intermediate_size", "fusion.layer.0.intermediate.dense.weight", 0);
  check_alignment(check, options, "gam");
  check_alignment(check, options, "hfam");
  if (stored.clip_embed_dim == 0) return;
  check.side(config, "clip_embed_dim", "gam.clip_image_projection.weight", 1);
  check.side(options.object("gam"), "clip_dim", "gam.clip_image_projection.weight", 0);
}

}  // namespace infig
