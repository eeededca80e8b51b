// Networks of inverted bottlenecks in files: their JSON, transformers' config.json, the three namings of their weights, bare checkpoints.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "encoders/config_reader.h"
#include "encoders/inverted_net.h"

namespace infig {
namespace {

using Names = std::vector<std::pair<std::string, std::string>>;

constexpr std::array<std::pair<const char*, InvertedKind>, 3> kKindNames = {
    {{"separable", InvertedKind::kSeparable}, {"inverted", InvertedKind::kInverted}, {"plain", InvertedKind::kPlain}}};
constexpr std::array<std::pair<const char*, InvertedPadding>, 3> kPaddingNames = {
    {{"even", InvertedPadding::kEven}, {"same", InvertedPadding::kSame}, {"behind", InvertedPadding::kBehind}}};

template <typename Table, typename Value>
const char* word_of(const Table& table, Value value) {
  return std::ranges::find(table, value, [](const auto& item) { return item.second; })->first;
}

template <typename Table>
auto value_of(const ConfigReader& reader, const Table& table, const char* key) {
  const std::string word = reader.text(key, "");
  const auto found = std::ranges::find(table, word, [](const auto& item) { return std::string(item.first); });
  std::vector<std::string> known;
  for (const auto& item : table) known.emplace_back(item.first);
  reader.require(found != table.end(), fmt::format("config.json: {} is \"{}\"; supported are {}", key, word, fmt::join(known, ", ")));
  return found->second;
}

nlohmann::json block_json(const InvertedBlockOptions& block) {
  return {{"kind", word_of(kKindNames, block.kind)},
          {"in_channels", block.in_channels},
          {"expanded", block.expanded},
          {"out_channels", block.out_channels},
          {"kernel", block.kernel},
          {"stride", block.stride},
          {"squeezed", block.squeezed},
          {"activation", activation_name(block.activation)},
          {"gate_activation", activation_name(block.gate_activation)},
          {"residual", block.residual},
          {"square_padding", block.square_padding}};
}

InvertedBlockOptions block_from_json(const nlohmann::json& json, const std::string& where) {
  const ConfigReader reader(json, where);
  return {.kind = value_of(reader, kKindNames, "kind"),
          .in_channels = reader.integer("in_channels", 0),
          .expanded = reader.integer("expanded", 0),
          .out_channels = reader.integer("out_channels", 0),
          .kernel = reader.integer("kernel", 0),
          .stride = reader.integer("stride", 0),
          .squeezed = reader.integer("squeezed", 0),
          .activation = reader.activation("activation", ""),
          .gate_activation = reader.activation("gate_activation", ""),
          .residual = reader.flag("residual", false),
          .square_padding = reader.flag("square_padding", true)};
}

// Channels as transformers' EfficientNet scales them.
int64_t transformers_width(int64_t channels, double width, int64_t divisor) {
  const double wanted = static_cast<double>(channels) * width;
  const int64_t rounded = std::max(divisor, static_cast<int64_t>(wanted + static_cast<double>(divisor) / 2) / divisor * divisor);
  return static_cast<double>(rounded) < 0.9 * wanted ? rounded + divisor : rounded;
}

// One stage's numbers of a config.json of transformers' EfficientNet, and what is shared by all.
struct TransformersStages {
  std::vector<int64_t> in_channels, out_channels, kernels, strides, repeats, expansions, square_padding;
  double depth, squeeze;
};

TransformersStages read_stages(const ConfigReader& reader) {
  TransformersStages stages = {.in_channels = reader.integers("in_channels", {32, 16, 24, 40, 80, 112, 192}),
                               .out_channels = reader.integers("out_channels", {16, 24, 40, 80, 112, 192, 320}),
                               .kernels = reader.integers("kernel_sizes", {3, 3, 5, 3, 5, 5, 3}),
                               .strides = reader.integers("strides", {1, 2, 2, 2, 1, 2, 1}),
                               .repeats = reader.integers("num_block_repeats", {1, 2, 2, 3, 3, 4, 1}),
                               .expansions = reader.integers("expand_ratios", {1, 6, 6, 6, 6, 6, 6}),
                               .square_padding = reader.integers("depthwise_padding", {}),
                               .depth = reader.number("depth_coefficient", 3.1),
                               .squeeze = reader.number("squeeze_expansion_ratio", 0.25)};
  const size_t count = stages.in_channels.size();
  for (const auto& [key, list] : {std::pair{"out_channels", &stages.out_channels},
                                  {"kernel_sizes", &stages.kernels},
                                  {"strides", &stages.strides},
                                  {"num_block_repeats", &stages.repeats},
                                  {"expand_ratios", &stages.expansions}}) {
    reader.require(list->size() == count, fmt::format("config.json: {} has {} entries; in_channels has {}", key, list->size(), count));
  }
  const auto check = [&](const char* key, const std::vector<int64_t>& list, int64_t most) {
    for (const int64_t value : list)
      reader.require(value > 0 && value <= most, fmt::format("config.json: {} holds {}; allowed is 1 .. {}", key, value, most));
  };
  check("in_channels", stages.in_channels, 1 << 14);
  check("out_channels", stages.out_channels, 1 << 14);
  check("num_block_repeats", stages.repeats, 256);
  check("expand_ratios", stages.expansions, 64);
  reader.require(stages.depth > 0 && stages.depth <= 64, fmt::format("config.json: depth_coefficient is {}; allowed is > 0", stages.depth));
  reader.require(stages.squeeze > 0 && stages.squeeze <= 1,
                 fmt::format("config.json: squeeze_expansion_ratio is {}; allowed is > 0 and <= 1", stages.squeeze));
  return stages;
}

// The parts of one block as (theirs, ours), `theirs` and `ours` being the block's own names.
void add_block_names(Names& names, const InvertedBlockOptions& block, InvertedNaming naming, const std::string& theirs,
                     const std::string& ours) {
  const bool expands = block.kind == InvertedKind::kInverted;
  const std::string expand = ours + (expands ? ".conv_pw" : ""), project = ours + (expands ? ".conv_pwl" : ".conv_pw");
  const std::string depthwise_norm = ours + (expands ? ".bn2" : ".bn1"), project_norm = ours + (expands ? ".bn3" : ".bn2");
  if (naming == InvertedNaming::kTransformers) {
    if (expands) names.insert(names.end(), {{theirs + ".expansion.expand_conv", expand}, {theirs + ".expansion.expand_bn", ours + ".bn1"}});
    names.insert(names.end(), {{theirs + ".depthwise_conv.depthwise_conv", ours + ".conv_dw"},
                               {theirs + ".depthwise_conv.depthwise_norm", depthwise_norm},
                               {theirs + ".squeeze_excite.reduce", ours + ".se.conv_reduce"},
                               {theirs + ".squeeze_excite.expand", ours + ".se.conv_expand"},
                               {theirs + ".projection.project_conv", project},
                               {theirs + ".projection.project_bn", project_norm}});
    return;
  }
  int64_t place = 0;  // torchvision's: in a sequence of what is there
  const auto pair = [&](const std::string& convolution, const std::string& norm) {
    names.emplace_back(fmt::format("{}.block.{}.0", theirs, place), convolution);
    names.emplace_back(fmt::format("{}.block.{}.1", theirs, place++), norm);
  };
  if (expands) pair(expand, ours + ".bn1");
  pair(ours + ".conv_dw", depthwise_norm);
  if (block.squeezed > 0) {
    names.emplace_back(fmt::format("{}.block.{}.fc1", theirs, place), ours + ".se.conv_reduce");
    names.emplace_back(fmt::format("{}.block.{}.fc2", theirs, place++), ours + ".se.conv_expand");
  }
  pair(project, project_norm);
}

bool has_name(const TensorMap& tensors, const std::string& ending) {
  return std::ranges::any_of(tensors, [&](const auto& item) {
    const std::string& name = item.first;
    return name.ends_with(ending) && (name.size() == ending.size() || name[name.size() - ending.size() - 1] == '.');
  });
}

bool is_shaped(const TensorMap& tensors, const std::string& name, const std::vector<int64_t>& shape) {
  const auto found = tensors.find(name);
  return found != tensors.end() && found->second.sizes() == at::IntArrayRef(shape);
}

// Whether the checkpoint, under our names, has the blocks of these options in these sizes.
bool fits(const TensorMap& tensors, const InvertedNetOptions& net) {
  if (!is_shaped(tensors, "conv_stem.weight", {net.stem_width, 3, 3, 3})) return false;
  int64_t blocks = 0;
  for (size_t s = 0; s < net.stages.size(); ++s) {
    for (size_t b = 0; b < net.stages[s].size(); ++b) {
      const InvertedBlockOptions& block = net.stages[s][b];
      const std::string name = fmt::format("blocks.{}.{}.", s, b);
      if (block.kind == InvertedKind::kPlain) {
        if (!is_shaped(tensors, name + "conv.weight", {block.out_channels, block.in_channels, 1, 1})) return false;
        continue;
      }
      ++blocks;
      const bool gated = tensors.contains(name + "se.conv_reduce.weight");
      if (gated != (block.squeezed > 0) || !is_shaped(tensors, name + "conv_dw.weight", {block.expanded, 1, block.kernel, block.kernel}) ||
          !is_shaped(tensors, name + (block.kind == InvertedKind::kInverted ? "conv_pwl.weight" : "conv_pw.weight"),
                     {block.out_channels, block.expanded, 1, 1}))
        return false;
    }
  }
  // Nothing beside them: a deeper network of the same widths has blocks that were left with their names.
  return blocks == std::ranges::count_if(tensors, [](const auto& item) { return item.first.ends_with(".conv_dw.weight"); }) &&
         std::ranges::none_of(tensors, [](const auto& item) { return item.first.starts_with("features."); });
}

int64_t count_blocks(const InvertedNetOptions& net) {
  int64_t count = 0;
  for (const auto& stage : net.stages) count += static_cast<int64_t>(stage.size());
  return count;
}

struct Candidate {
  std::string architecture;  // as its maker calls it
  InvertedNetOptions net;
};

std::vector<Candidate> candidates_of(InvertedNaming naming) {
  std::vector<Candidate> all;
  if (naming == InvertedNaming::kTorchvision) {
    for (int64_t number = 0; number < 8; ++number)
      all.push_back({fmt::format("efficientnet_b{}", number), efficientnet(number, InvertedMaker::kTorchvision)});
    for (const bool large : {true, false})
      all.push_back(
          {large ? "mobilenet_v3_large" : "mobilenet_v3_small", mobilenet_v3({.large = large, .maker = InvertedMaker::kTorchvision})});
    return all;
  }
  for (const auto maker : {InvertedMaker::kTimm, InvertedMaker::kTimmTf}) {
    const std::string prefix = maker == InvertedMaker::kTimm ? "" : "tf_";
    for (int64_t number = 0; number < 9; ++number)
      all.push_back({fmt::format("{}efficientnet_b{}", prefix, number), efficientnet(number, maker)});
    for (const auto& [large, width, ending] : {std::tuple{true, 0.75, "large_075"},
                                               {true, 1.0, "large_100"},
                                               {false, 0.5, "small_050"},
                                               {false, 0.75, "small_075"},
                                               {false, 1.0, "small_100"}}) {
      if (maker == InvertedMaker::kTimmTf && width < 0.75) continue;
      all.push_back({fmt::format("{}mobilenetv3_{}", prefix, ending), mobilenet_v3({.large = large, .width = width, .maker = maker})});
    }
  }
  for (const bool large : {true, false})
    all.push_back({fmt::format("tf_mobilenetv3_{}_minimal_100", large ? "large" : "small"),
                   mobilenet_v3({.large = large, .minimal = true, .maker = InvertedMaker::kTimmTf})});
  return all;
}

}  // namespace

nlohmann::json InvertedNetImpl::config() const {
  nlohmann::json stages = nlohmann::json::array();
  for (const auto& stage : options_.stages) {
    nlohmann::json blocks = nlohmann::json::array();
    for (const InvertedBlockOptions& block : stage) blocks.push_back(block_json(block));
    stages.push_back(blocks);
  }
  return {{"model_type", "inverted-net"},
          {"name", options_.name},
          {"stem_width", options_.stem_width},
          {"head_width", options_.head_width},
          {"activation", activation_name(options_.activation)},
          {"hard_gate", options_.hard_gate},
          {"padding", word_of(kPaddingNames, options_.padding)},
          {"eps", options_.eps},
          {"momentum", options_.momentum},
          {"expand_momentum", options_.expand_momentum},
          {"stages", stages}};
}

InvertedNetOptions inverted_net_from_json(const nlohmann::json& json) {
  const ConfigReader reader(json, "inverted-net");
  InvertedNetOptions net = {.name = reader.text("name", "inverted-net"),
                            .stem_width = reader.integer("stem_width", 0),
                            .head_width = reader.integer("head_width", 0),
                            .activation = reader.activation("activation", ""),
                            .hard_gate = reader.flag("hard_gate", false),
                            .padding = value_of(reader, kPaddingNames, "padding"),
                            .eps = reader.number("eps", 0),
                            .momentum = reader.number("momentum", 0),
                            .expand_momentum = reader.number("expand_momentum", 0),
                            .stages = {}};
  const auto stages = json.find("stages");
  reader.require(stages != json.end() && stages->is_array(), "config.json: stages is no list");
  for (const nlohmann::json& stage : *stages) {
    reader.require(stage.is_array(), "config.json: stages holds something other than lists of blocks");
    auto& blocks = net.stages.emplace_back();
    for (const nlohmann::json& block : stage)
      blocks.push_back(block_from_json(block, fmt::format("{}: stages[{}][{}]", net.name, net.stages.size() - 1, blocks.size())));
  }
  net.validate();
  return net;
}

InvertedNetOptions efficientnet_from_transformers(const nlohmann::json& json) {
  const ConfigReader reader(json, "EfficientNet");
  const int64_t divisor = reader.integer("depth_divisor", 8);
  const double width = reader.number("width_coefficient", 2.0);
  reader.require(divisor > 0 && divisor <= 1024, fmt::format("config.json: depth_divisor is {}; allowed is 1 .. 1024", divisor));
  reader.require(width > 0 && width <= 64, fmt::format("config.json: width_coefficient is {}; allowed is > 0", width));
  reader.require(reader.integer("num_channels", 3) == 3, "config.json: num_channels is not 3");
  const TransformersStages stages = read_stages(reader);
  const Activation activation = reader.activation("hidden_act", "swish");
  InvertedNetOptions net = {.name = "efficientnet",
                            .stem_width = transformers_width(32, width, divisor),
                            .head_width = transformers_width(1280, width, divisor),
                            .activation = activation,
                            .padding = InvertedPadding::kBehind,
                            .eps = reader.number("batch_norm_eps", 1e-3),
                            .momentum = reader.number("batch_norm_momentum", 0.99),
                            .stages = {}};
  const int64_t hidden = reader.integer("hidden_dim", 2560);
  reader.require(hidden == net.head_width,
                 fmt::format("config.json: hidden_dim is {}, but width_coefficient {} gives {}", hidden, width, net.head_width));
  int64_t number = 0;
  for (size_t s = 0; s < stages.in_channels.size(); ++s) {
    auto& blocks = net.stages.emplace_back();
    const int64_t out = transformers_width(stages.out_channels[s], width, divisor);
    const auto repeats = static_cast<int64_t>(std::ceil(stages.depth * static_cast<double>(stages.repeats[s])));
    for (int64_t n = 0; n < repeats; ++n, ++number) {
      const int64_t in = n > 0 ? out : transformers_width(stages.in_channels[s], width, divisor), expansion = stages.expansions[s];
      blocks.push_back({.kind = expansion == 1 ? InvertedKind::kSeparable : InvertedKind::kInverted,
                        .in_channels = in,
                        .expanded = in * expansion,
                        .out_channels = out,
                        .kernel = stages.kernels[s],
                        .stride = n > 0 ? 1 : stages.strides[s],
                        .squeezed = std::max<int64_t>(1, static_cast<int64_t>(static_cast<double>(in) * stages.squeeze)),
                        .activation = activation,
                        .gate_activation = activation,
                        .residual = n > 0,
                        .square_padding = std::ranges::find(stages.square_padding, number) != stages.square_padding.end()});
    }
  }
  net.validate();
  for (int64_t b = 0; b < 8; ++b) {  // for reports
    const InvertedNetOptions known = efficientnet(b, InvertedMaker::kTimm);
    if (known.head_width == net.head_width && number == count_blocks(known)) net.name = known.name;
  }
  return net;
}

Names inverted_names(const InvertedNetOptions& options, InvertedNaming naming) {
  Names names;
  if (naming == InvertedNaming::kTimm) return names;
  const bool transformers = naming == InvertedNaming::kTransformers, flat = transformers || options.head_width == 0;
  names.emplace_back(transformers ? "embeddings.convolution" : "features.0.0", "conv_stem");
  names.emplace_back(transformers ? "embeddings.batchnorm" : "features.0.1", "bn1");
  int64_t number = 0;
  for (size_t s = 0; s < options.stages.size(); ++s) {
    for (size_t b = 0; b < options.stages[s].size(); ++b, ++number) {
      const std::string ours = fmt::format("blocks.{}.{}", s, b);
      const std::string theirs = transformers ? fmt::format("encoder.blocks.{}", number)
                                 : flat       ? fmt::format("features.{}", number + 1)
                                              : fmt::format("features.{}.{}", s + 1, b);
      if (options.stages[s][b].kind == InvertedKind::kPlain) {
        names.insert(names.end(), {{theirs + ".0", ours + ".conv"}, {theirs + ".1", ours + ".bn1"}});
      } else {
        add_block_names(names, options.stages[s][b], naming, theirs, ours);
      }
    }
  }
  const std::string head = fmt::format("features.{}", options.stages.size() + 1);
  names.emplace_back(transformers ? "encoder.top_conv" : head + ".0", "conv_head");
  names.emplace_back(transformers ? "encoder.top_bn" : head + ".1", "bn2");
  return names;
}

TensorMap inverted_weights(const TensorMap& published, const InvertedNetOptions& options, InvertedNaming naming, const std::string& where) {
  WeightNames kept = {.prefixes = {"efficientnet.", "timm_model.", "module.", "model."},
                      .endings = {},
                      .other_parts = {"classifier."},
                      .other_endings = {"num_batches_tracked"}};
  if (options.head_width == 0 && naming == InvertedNaming::kTimm)
    kept.other_parts.emplace_back("conv_head.");  // MobileNetV3's is behind the pooling
  const Names list = inverted_names(options, naming);
  const std::map<std::string, std::string> ours(list.begin(), list.end());
  TensorMap tensors;
  for (const auto& [name, tensor] : rename_weights(published, kept, where)) {
    const size_t dot = name.rfind('.');
    const auto found = dot == std::string::npos ? ours.end() : ours.find(name.substr(0, dot));
    tensors[found == ours.end() ? name : found->second + name.substr(dot)] = tensor;
  }
  return tensors;
}

std::optional<InvertedNaming> inverted_naming(const TensorMap& tensors) {
  if (has_name(tensors, "blocks.0.0.conv_dw.weight")) return InvertedNaming::kTimm;
  if (has_name(tensors, "features.1.0.block.0.0.weight") || has_name(tensors, "features.1.block.0.0.weight"))
    return InvertedNaming::kTorchvision;
  if (has_name(tensors, "blocks.0.depthwise_conv.depthwise_conv.weight")) return InvertedNaming::kTransformers;
  return std::nullopt;
}

InvertedNetOptions inverted_net_from_weights(const TensorMap& tensors, InvertedNaming naming, const std::string& where) {
  if (naming == InvertedNaming::kTransformers) {
    throw CheckpointError(fmt::format(
        "{}: an EfficientNet in transformers' naming; how it pads is stated by its config.json alone: give the whole folder", where));
  }
  std::vector<Candidate> fitting;
  for (Candidate& candidate : candidates_of(naming)) {
    if (fits(inverted_weights(tensors, candidate.net, naming, where), candidate.net)) fitting.push_back(std::move(candidate));
  }
  if (fitting.size() == 1) return fitting[0].net;
  if (fitting.empty()) {
    throw CheckpointError(
        fmt::format("{}: named as {}'s networks of inverted bottlenecks, but in sizes of none that is supported: EfficientNet B0 to B{}, "
                    "MobileNetV3 small and large",
                    where, naming == InvertedNaming::kTimm ? "timm" : "torchvision", naming == InvertedNaming::kTimm ? 8 : 7));
  }
  std::vector<std::string> names;
  for (const Candidate& candidate : fitting) names.push_back(candidate.architecture);
  throw CheckpointError(fmt::format(
      "{}: names and shapes fit several of timm's networks, which compute differently (padding, BatchNorm's eps): {}; say which it "
      "is: put it as model.safetensors or pytorch_model.bin into a folder with a config.json that holds {{\"architecture\": "
      "\"{}\"}}, or the other name",
      where, fmt::join(names, " and "), names[0]));
}

}  // namespace infig
