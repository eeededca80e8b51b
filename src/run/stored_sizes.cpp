// check_stored_sizes: which key of config.json is the size of which tensor.
#include <fmt/format.h>

#include <cmath>

#include "core/error.h"
#include "core/json_fields.h"
#include "run/stored_model.h"

namespace infig {
namespace {

using Tensors = std::map<std::string, TensorView>;

class SizeCheck {
 public:
  SizeCheck(const Tensors& tensors, std::string weights) : tensors_(tensors), weights_(std::move(weights)) {}

  // `fields`.`key` is a side of `tensor`, times `factor`.
  void side(const JsonFields& fields, const std::string& key, const std::string& tensor, size_t side, int64_t factor = 1) const {
    compare(fields, key, fields.integer(key), tensor, side, factor);
  }

  void compare(const JsonFields& fields, const std::string& key, int64_t stated, const std::string& tensor, size_t side,
               int64_t factor = 1) const {
    const int64_t found = size_of(fields, key, tensor, side);
    int64_t wanted = 0;
    if (__builtin_mul_overflow(stated, factor, &wanted) || wanted != found) {
      throw CheckpointError(fmt::format("{}: key {}: is {}, but {} in {} has {}{}; config.json and weights do not belong together",
                                        fields.where(), fields.key_of(key), stated, tensor, weights_, found,
                                        factor == 1 ? "" : fmt::format(" ({} times that is expected)", factor)));
    }
  }

  // As many of PREFIX0., PREFIX1., ... as stated; `first`: the number of the first one.
  void count(const JsonFields& fields, const std::string& key, int64_t stated, const std::string& prefix, int64_t first = 0) const {
    int64_t found = 0;
    while (has_part(fmt::format("{}{}.", prefix, first + found))) ++found;
    if (stated != found) {
      throw CheckpointError(fmt::format("{}: key {}: is {}, but {} holds {} of {}N; config.json and weights do not belong together",
                                        fields.where(), fields.key_of(key), stated, weights_, found, prefix));
    }
  }

  bool has(const std::string& tensor) const { return tensors_.contains(tensor); }

  int64_t size_of(const JsonFields& fields, const std::string& key, const std::string& tensor, size_t side) const {
    const auto found = tensors_.find(tensor);
    if (found == tensors_.end() || found->second.shape.size() <= side) {
      throw CheckpointError(fmt::format("{}: key {}: is the size of {}, which {} does not hold{}", fields.where(), fields.key_of(key),
                                        tensor, weights_, found == tensors_.end() ? "" : " in that shape"));
    }
    return found->second.shape[side];
  }

 private:
  bool has_part(const std::string& prefix) const {
    const auto found = tensors_.lower_bound(prefix);
    return found != tensors_.end() && found->first.starts_with(prefix);
  }

  const Tensors& tensors_;
  std::string weights_;
};

const std::string kText = "text_encoder.";
const std::string kBackbone = "image_encoder.backbone.";

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

// A ResNet by its keys: blocks of each stage, their widths (times `expansion`), the stem.
void check_resnet(const SizeCheck& check, const JsonFields& image, const char* blocks, const char* widths, int64_t expansion,
                  const char* stem) {
  const std::vector<int64_t> counts = image.integers(blocks), sizes = image.integers(widths);
  if (counts.size() != 4 || sizes.size() != 4) image.refuse(counts.size() != 4 ? blocks : widths, "4 stages");
  check.side(image, stem, kBackbone + "conv1.weight", 0);
  check.side(image, "stem_kernel", kBackbone + "conv1.weight", 2);
  for (size_t stage = 0; stage < counts.size(); ++stage) {
    const std::string layer = fmt::format("{}layer{}.", kBackbone, stage + 1);
    check.count(image, blocks, counts[stage], layer);
    const int64_t width = sizes[stage] / expansion;
    check.compare(image, widths, width, layer + "0.conv1.weight", 0);
  }
}

// A Vision Transformer: the lower part under image_encoder.backbone., the upper one, of image.num_hidden_layers, under
// image_encoder.vision.
void check_vision(const SizeCheck& check, const JsonFields& image, const JsonFields& network) {
  const std::string type = network.text("model_type"), upper = "image_encoder.vision.";
  const bool clip = type == "clip_vision_model" || type == "siglip_vision_model";
  const std::string list = clip ? "encoder.layers." : "encoder.layer.";
  const std::string patches = kBackbone + (clip ? "embeddings.patch_embedding.weight" : "embeddings.patch_embeddings.projection.weight");
  check.side(network, "hidden_size", patches, 0);
  check.side(network, "patch_size", patches, 2);
  const int64_t layers = network.integer("num_hidden_layers"), above = image.integer("num_hidden_layers");
  if (above < 1 || above > layers) image.refuse("num_hidden_layers", fmt::format("1 to {}", layers));
  check.count(image, "num_hidden_layers", above, upper + list, layers - above);
  check.count(network, "num_hidden_layers", layers - above, kBackbone + list);
  const int64_t side = network.integer("image_size") / std::max<int64_t>(network.integer("patch_size"), 1);
  const std::string positions = kBackbone + (clip ? "embeddings.position_embedding.weight" : "embeddings.position_embeddings");
  const int64_t before = type == "siglip_vision_model" ? 0 : type == "deit" ? 2 : 1;
  if (side < 1 || side > 1 << 14) network.refuse("image_size", "the size that the positions are for");
  check.compare(network, "image_size", side * side + before, positions, clip ? 0 : 1);
  if (type.starts_with("dinov2")) {  // the width is a multiple of hidden_size
    const double ratio = network.number_if("mlp_ratio").value_or(4);
    if (!(ratio > 0 && ratio <= 64)) network.refuse("mlp_ratio", "above 0, up to 64");
  } else {
    const std::string wide = clip ? "mlp.fc1.weight" : "intermediate.dense.weight";
    check.side(network, "intermediate_size", fmt::format("{}{}{}.{}", upper, list, layers - 1, wide), 0);
  }
}

bool is_vision(const JsonFields& network) {
  const std::string type = network.text("model_type");
  return type == "vit" || type == "deit" || type.starts_with("dinov2") || type == "clip_vision_model" || type == "siglip_vision_model";
}

// What a ResNet's descendants have: another stem, wider or grouped convolutions.
void check_resnet_descendant(const SizeCheck& check, const JsonFields& image, bool bottleneck) {
  const std::vector<int64_t> counts = image.integers("depths"), sizes = image.integers("hidden_sizes");
  if (counts.size() != 4 || sizes.size() != 4) image.refuse(counts.size() != 4 ? "depths" : "hidden_sizes", "4 stages");
  check.side(image, "embedding_size", kBackbone + "bn1.weight", 0);
  if (image.has("deep_stem")) {
    const std::vector<int64_t> stem = image.integers("deep_stem");
    if (stem.size() != 2) image.refuse("deep_stem", "two widths");
    check.compare(image, "deep_stem", stem[0], kBackbone + "conv1.0.weight", 0);
    check.compare(image, "deep_stem", stem[1], kBackbone + "conv1.3.weight", 0);
  } else {
    check.side(image, "stem_kernel", kBackbone + "conv1.weight", 2);
  }
  const int64_t base = image.integer_if("base_width").value_or(64), groups = image.integer_if("groups").value_or(1);
  if (base < 1 || base > 1 << 12) image.refuse("base_width", "1 to 4096");
  if (groups < 1 || groups > 1 << 16) image.refuse("groups", "1 to 65536");
  for (size_t stage = 0; stage < counts.size(); ++stage) {
    const std::string layer = fmt::format("{}layer{}.", kBackbone, stage + 1);
    check.count(image, "depths", counts[stage], layer);
    check.compare(image, "hidden_sizes", sizes[stage], layer + (bottleneck ? "0.bn3.weight" : "0.bn2.weight"), 0);
    if (bottleneck) check.compare(image, "base_width", sizes[stage] / 4 * base / 64 * groups, layer + "0.bn2.weight", 0);
  }
}

// Stages of blocks; returns pixels a cell.
int64_t check_convnext(const SizeCheck& check, const JsonFields& image) {
  const std::vector<int64_t> counts = image.integers("depths"), sizes = image.integers("hidden_sizes"),
                             kernels = image.integers("kernel_sizes");
  if (counts.empty() || counts.size() > 8) image.refuse("depths", "1 to 8 stages");
  if (sizes.size() != counts.size()) image.refuse("hidden_sizes", fmt::format("{} stages", counts.size()));
  if (kernels.size() != counts.size()) image.refuse("kernel_sizes", fmt::format("{} stages", counts.size()));
  const bool patch = image.text("stem") == "patch";
  check.side(image, patch ? "patch_size" : "stem_width", kBackbone + "stem.0.weight", patch ? 2 : 0);
  for (size_t stage = 0; stage < counts.size(); ++stage) {
    const std::string blocks = fmt::format("{}stages.{}.blocks.", kBackbone, stage);
    check.count(image, "depths", counts[stage], blocks);
    check.compare(image, "hidden_sizes", sizes[stage], blocks + "0.conv_dw.weight", 0);
    check.compare(image, "kernel_sizes", kernels[stage], blocks + "0.conv_dw.weight", 2);
  }
  return (patch ? image.integer("patch_size") : 4) << (counts.size() - 1);
}

// Every block states its own sizes.
void check_inverted_block(const SizeCheck& check, const JsonFields& block, const std::string& name) {
  const std::string kind = block.text("kind");
  if (kind == "plain") return check.side(block, "out_channels", name + "conv.weight", 0);
  check.side(block, "expanded", name + "conv_dw.weight", 0);
  check.side(block, "kernel", name + "conv_dw.weight", 2);
  check.side(block, "out_channels", name + (kind == "inverted" ? "conv_pwl.weight" : "conv_pw.weight"), 0);
  if (block.integer("squeezed") != 0) check.side(block, "squeezed", name + "se.conv_reduce.weight", 0);
}

int64_t check_inverted_net(const SizeCheck& check, const JsonFields& image) {
  check.side(image, "stem_width", kBackbone + "conv_stem.weight", 0);
  if (image.integer("head_width") != 0) check.side(image, "head_width", kBackbone + "conv_head.weight", 0);
  const nlohmann::json& stages = image.list("stages");
  check.count(image, "stages", static_cast<int64_t>(stages.size()), kBackbone + "blocks.");
  int64_t stride = 2;
  for (size_t s = 0; s < stages.size(); ++s) {
    const std::string stage = fmt::format("{}blocks.{}.", kBackbone, s);
    if (!stages[s].is_array()) image.refuse("stages", "lists of blocks");
    check.count(image, "stages", static_cast<int64_t>(stages[s].size()), stage);
    for (size_t b = 0; b < stages[s].size(); ++b) {
      const std::string key = fmt::format("stages[{}][{}]", s, b);
      const JsonFields block = JsonFields({{key, stages[s][b]}}, image.where()).object(key);
      check_inverted_block(check, block, fmt::format("{}{}.", stage, b));
      if (block.integer("stride") == 2 && stride < 1 << 10) stride *= 2;
    }
  }
  return stride;
}

// Returns pixels a cell.
int64_t check_published_image(const SizeCheck& check, const JsonFields& image) {
  const std::string type = image.text("model_type");
  if (type == "convnext") return check_convnext(check, image);
  if (type == "inverted-net") return check_inverted_net(check, image);
  if (type != "resnet") return 32;  // EfficientNet-Lite's sizes follow from its number, 0 to 4
  const bool bottleneck = image.text("layer_type") == "bottleneck";
  const bool descends = image.has("groups") || image.has("base_width") || image.has("deep_stem") || image.has("reduce_first");
  if (descends) {
    check_resnet_descendant(check, image, bottleneck);
  } else {
    check_resnet(check, image, "depths", "hidden_sizes", bottleneck ? 4 : 1, "embedding_size");
  }
  return 32;
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

}  // namespace

void check_stored_sizes(const StoredModel& stored, const Tensors& tensors, const std::string& weights) {
  if (stored.model_type != "infig") return;  // another model's sizes are its own to check
  const SizeCheck check(tensors, weights);
  const nlohmann::json whole = {{"infig", stored.options},
                                {"text_encoder", stored.text_encoder},
                                {"image_backbone", stored.image_backbone},
                                {"clip_embed_dim", stored.clip_embed_dim},
                                {"id2label", stored.labels.size()}};
  const JsonFields config(whole, stored.where);
  const JsonFields options = config.object("infig"), text = options.object("text"), published = config.object("text_encoder");
  check.side(config, "id2label", "head.classifier.weight", 0);
  const bool modern = !text.text("model").empty() && published.text("model_type") == "modernbert";
  check.side(published, "vocab_size", kText + (modern ? "embeddings.tok_embeddings.weight" : "embeddings.word_embeddings.weight"), 0);
  if (text.text("model").empty()) {
    check_deberta(check, text);
    check.side(text, "hidden_size", kText + "embeddings.word_embeddings.weight", 1);
  } else {
    check_published_text(check, published);
  }
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
