#include "run/image_sizes.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace infig {
namespace {

const std::string kBackbone = "image_encoder.backbone.";

// Where a Vision Transformer's parts are.
struct VisionNames {
  explicit VisionNames(const std::string& type)
      : clip(type == "clip_vision_model" || type == "siglip_vision_model"),
        layers(clip ? "encoder.layers." : "encoder.layer."),
        wide(clip ? "mlp.fc1.weight" : "intermediate.dense.weight"),
        before(type == "siglip_vision_model" ? 0
               : type == "deit"              ? 2
                                             : 1) {}
  bool clip;
  std::string layers, wide;
  int64_t before;  // positions before the patches
};

// Patches, positions and `lower` layers under image_encoder.backbone., and the width of layer `last`, which is under `upper`.
void check_vision_part(const SizeCheck& check, const JsonFields& network, int64_t lower, const std::string& upper, int64_t last) {
  const std::string type = network.text("model_type");
  const VisionNames names(type);
  const std::string patches =
      kBackbone + (names.clip ? "embeddings.patch_embedding.weight" : "embeddings.patch_embeddings.projection.weight");
  check.side(network, "hidden_size", patches, 0);
  check.side(network, "patch_size", patches, 2);
  check.count(network, "num_hidden_layers", lower, kBackbone + names.layers);
  const int64_t side = network.integer("image_size") / std::max<int64_t>(network.integer("patch_size"), 1);
  const std::string positions = kBackbone + (names.clip ? "embeddings.position_embedding.weight" : "embeddings.position_embeddings");
  if (side < 1 || side > 1 << 14) network.refuse("image_size", "the size that the positions are for");
  check.compare(network, "image_size", side * side + names.before, positions, names.clip ? 0 : 1);
  if (type.starts_with("dinov2")) {  // the width is a multiple of hidden_size
    const double ratio = network.number_if("mlp_ratio").value_or(4);
    if (!(ratio > 0 && ratio <= 64)) network.refuse("mlp_ratio", "above 0, up to 64");
  } else {
    check.side(network, "intermediate_size", fmt::format("{}{}{}.{}", upper, names.layers, last, names.wide), 0);
  }
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

}  // namespace

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
  const std::string upper = "image_encoder.vision.";
  const int64_t layers = network.integer("num_hidden_layers"), above = image.integer("num_hidden_layers");
  if (above < 1 || above > layers) image.refuse("num_hidden_layers", fmt::format("1 to {}", layers));
  check.count(image, "num_hidden_layers", above, upper + VisionNames(network.text("model_type")).layers, layers - above);
  check_vision_part(check, network, layers - above, upper, layers - 1);
}

bool is_vision(const JsonFields& network) {
  const std::string type = network.text("model_type");
  return type == "vit" || type == "deit" || type.starts_with("dinov2") || type == "clip_vision_model" || type == "siglip_vision_model";
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

// A frozen network of a model of Table 2: the whole of it is under image_encoder.backbone.
void check_frozen(const SizeCheck& check, const JsonFields& network) {
  if (!is_vision(network)) {
    check_published_image(check, network);
    return;
  }
  const int64_t layers = network.integer("num_hidden_layers");
  check_vision_part(check, network, layers, kBackbone, layers - 1);
}

}  // namespace infig
