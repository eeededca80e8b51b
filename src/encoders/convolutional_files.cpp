#include "encoders/convolutional_files.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/log.h"
#include "encoders/config_reader.h"
#include "encoders/image_backbones.h"
#include "encoders/timm_architectures.h"

namespace infig {
namespace {

const WeightNames kTimmResNetNames = {
    .prefixes = {"timm_model."}, .endings = {}, .other_parts = {"fc."}, .other_endings = {"num_batches_tracked"}};
// convnext_weights() and inverted_weights() have taken off what is to be taken off.
const WeightNames kConvolutionalNames = {.prefixes = {}, .endings = {}, .other_parts = {}, .other_endings = {"num_batches_tracked"}};

// A tensor that each network has once, in each naming: what stands before it stands before all of the network's names.
const std::vector<std::string>& convolutional_anchors() {
  static const std::vector<std::string> kAnchors = {"stages.0.blocks.0.conv_dw.weight",         // ConvNeXt of timm,
                                                    "encoder.stages.0.layers.0.dwconv.weight",  // transformers,
                                                    "downsample_layers.0.0.weight",             // the authors
                                                    "features.1.0.block.0.weight",              // and torchvision
                                                    "blocks.0.0.conv_dw.weight",                // inverted bottlenecks of timm,
                                                    "encoder.blocks.0.depthwise_conv.depthwise_conv.weight",  // transformers
                                                    "features.1.0.block.0.0.weight",                          // and torchvision
                                                    "features.1.block.0.0.weight"};
  return kAnchors;
}

// A training script's checkpoint: the network without what stands before its names. A prefix of the makers' own is taken off later.
TensorMap without_wrapper(const TensorMap& published, const std::string& where) {
  return without_prefix(published, convolutional_anchors(), where, {"convnext.", "efficientnet.", "timm_model."});
}

// Of ImageNet's training, in the size that networks were published for.
ImageOptions imagenet_pixels(int64_t size, int64_t resize, Filter filter) {
  return {.size = size, .resize = resize, .filter = filter, .augment = Augment::kNone};
}

// timm's own where its config.json says nothing.
ImageOptions timm_default_pixels() { return imagenet_pixels(224, 256, Filter::kBicubic); }

// torchvision's weights (IMAGENET1K_V1) of each network.
ImageOptions torchvision_pixels(const InvertedNetOptions& net) {
  constexpr std::array<std::pair<int64_t, int64_t>, 8> kSizes = {
      {{224, 256}, {240, 256}, {288, 288}, {300, 320}, {380, 384}, {456, 456}, {528, 528}, {600, 600}}};
  for (size_t number = 0; number < kSizes.size(); ++number) {
    if (net.name == fmt::format("efficientnet-b{}", number))
      return imagenet_pixels(kSizes[number].first, kSizes[number].second, Filter::kBicubic);
  }
  return imagenet_pixels(224, 256, Filter::kBilinear);  // MobileNetV3
}

ImageOptions torchvision_pixels(const ConvNextOptions& net) {
  const bool tiny = net.depths.size() > 2 && net.depths[2] == 9;
  return imagenet_pixels(224, tiny ? 236 : net.hidden_sizes[0] == 96 ? 230 : 232, Filter::kBilinear);
}

std::string convnext_name(const ConvNextOptions& options) {
  return fmt::format("convnext-{}-{}", options.depths.size() > 2 ? options.depths[2] : options.depths[0], options.hidden_sizes[0]);
}

PublishedBackbone load_one(const ConvNextOptions& options, const TensorMap& published, const std::string& where) {
  const auto backbone = std::make_shared<ConvNextImpl>(options);
  load_published(*backbone, convnext_weights(published, where), kConvolutionalNames, where);
  return {.backbone = backbone, .pixels = timm_default_pixels(), .name = convnext_name(options)};
}

PublishedBackbone load_one(const InvertedNetOptions& options, const TensorMap& published, InvertedNaming naming, const std::string& where) {
  const auto backbone = std::make_shared<InvertedNetImpl>(options);
  load_published(*backbone, inverted_weights(published, options, naming, where), kConvolutionalNames, where);
  return {.backbone = backbone, .pixels = timm_default_pixels(), .name = options.name};
}

// A plain ResNet may have been made with other depths and widths than its architecture's name says, which timm's config.json does not
// record: the weights tell them. What else a name stands for (stems, gates, groups) does not show in sizes, so there the name decides.
ResNetOptions sizes_of_plain(const ResNetOptions& stated, const std::string& architecture, const TensorMap& tensors,
                             const std::string& where) {
  const ResNetOptions plain{.bottleneck = stated.bottleneck, .layers = stated.layers};
  if (!(stated == plain) || !tensors.contains("layer1.0.conv1.weight")) return stated;
  ResNetOptions found = resnet_options_from_weights(tensors, where);
  ResNetOptions of_stated_sizes = found;
  of_stated_sizes.layers = stated.layers;
  of_stated_sizes.widths = stated.widths;
  of_stated_sizes.stem_width = stated.stem_width;
  if (found == stated || !(of_stated_sizes == stated)) return stated;  // another network: its weights do not fit, which loading says
  log_info("{}: the weights are of a ResNet of {} blocks and {} channels a stage, not of {}'s sizes; they decide", where,
           fmt::join(found.layers, ", "), fmt::join(found.widths, ", "), architecture);
  return found;
}

PublishedBackbone load_timm(const ImageBackboneOptions& network, const std::string& architecture, const TensorMap& tensors,
                            const std::string& where) {
  PublishedBackbone published;
  if (const auto* convnext = std::get_if<ConvNextOptions>(&network)) {
    published = load_one(*convnext, tensors, where);
  } else if (const auto* net = std::get_if<InvertedNetOptions>(&network)) {
    published = load_one(*net, tensors, inverted_naming(tensors).value_or(InvertedNaming::kTimm), where);
  } else {
    const TensorMap plain = without_prefix(rename_weights(tensors, kTimmResNetNames, where), {"layer1.0.conv1.weight"}, where);
    const ResNetOptions options = sizes_of_plain(std::get<ResNetOptions>(network), architecture, plain, where);
    const auto backbone = std::make_shared<ResNetImpl>(options);
    load_published(*backbone, plain, kTimmResNetNames, where);
    published = {.backbone = backbone, .pixels = timm_default_pixels(), .name = {}};
  }
  published.name = architecture;
  return published;
}

PublishedBackbone load_transformers_efficientnet(const nlohmann::json& config, const TensorMap& tensors, const std::string& where) {
  const auto options = of_config_in(where, [&] { return efficientnet_from_transformers(config); });
  PublishedBackbone published = load_one(options, tensors, InvertedNaming::kTransformers, where);
  const int64_t size = of_config_in(where, [&] { return ConfigReader(config, "EfficientNet").integer("image_size", 600); });
  published.pixels.size = published.pixels.resize = size;
  return published;
}

PublishedBackbone load_transformers_convnext(const nlohmann::json& config, const TensorMap& tensors, const std::string& where) {
  PublishedBackbone published = load_one(of_config_in(where, [&] { return convnext_options_from_json(config); }), tensors, where);
  const int64_t size = of_config_in(where, [&] { return ConfigReader(config, "ConvNeXt").integer("image_size", 224); });
  published.pixels.size = size;
  published.pixels.resize = size < 384 ? size * 256 / 224 : size;  // as its processor has it
  return published;
}

PublishedBackbone load_bare_convnext(const TensorMap& tensors, const std::string& where) {
  const auto options = convnext_options_from_weights(convnext_weights(tensors, where), where);
  PublishedBackbone published = load_one(options, tensors, where);
  published.pixels = torchvision_pixels(options);
  return published;
}

PublishedBackbone load_bare_inverted(const TensorMap& tensors, InvertedNaming naming, const std::string& where) {
  const InvertedNetOptions options = inverted_net_from_weights(tensors, naming, where);
  PublishedBackbone published = load_one(options, tensors, naming, where);
  if (naming == InvertedNaming::kTorchvision) published.pixels = torchvision_pixels(options);
  return published;
}

std::string model_type_of(const nlohmann::json& config) {
  return config.is_object() ? ConfigReader(config, "image backbone").text("model_type", "") : std::string();
}

}  // namespace

std::optional<PublishedBackbone> load_convolutional(const nlohmann::json& config, const TensorMap& published, const std::string& where) {
  const std::string type = of_config_in(where, [&] { return model_type_of(config); });
  const std::string architecture = of_config_in(where, [&] { return timm_architecture(config); });
  if (!architecture.empty()) {
    const auto network = of_config_in(where, [&] { return timm_network(config); });
    if (!network) return std::nullopt;
    return load_timm(*network, architecture, without_wrapper(published, where), where);
  }
  if (!type.empty() && type != "convnext" && type != "efficientnet") return std::nullopt;
  const TensorMap tensors = without_wrapper(published, where);
  if (type == "convnext") return load_transformers_convnext(config, tensors, where);
  if (type == "efficientnet") return load_transformers_efficientnet(config, tensors, where);
  if (is_convnext(tensors)) return load_bare_convnext(tensors, where);
  if (const auto naming = inverted_naming(tensors)) return load_bare_inverted(tensors, *naming, where);
  return std::nullopt;
}

void refuse_stated_network(const nlohmann::json& config, const std::string& where) {
  of_config_in(where, [&] {
    const std::string type = model_type_of(config), architecture = timm_architecture(config);
    if (!architecture.empty()) {
      throw ConfigError(fmt::format("config.json: architecture is \"{}\", which is not supported; of timm's networks there are {}",
                                    architecture, timm_families()));
    }
    if (!type.empty() && type != "resnet") {
      throw ConfigError(
          fmt::format("config.json: model_type is \"{}\", which is no image backbone known here; supported are resnet, convnext, "
                      "efficientnet, and Vision Transformers (vit, deit, dinov2, dinov2_with_registers, clip, siglip)",
                      type));
    }
  });
}

}  // namespace infig
