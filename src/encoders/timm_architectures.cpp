#include "encoders/timm_architectures.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>
#include <string_view>

#include "core/error.h"
#include "encoders/config_reader.h"

namespace infig {
namespace {

// Known to the classifier and to training alone.
constexpr std::array<const char*, 9> kWithoutEffect = {"num_classes",     "global_pool",      "drop_rate",
                                                       "drop_path_rate",  "drop_block_rate",  "zero_init_last",
                                                       "head_init_scale", "head_hidden_size", "pretrained_strict"};

// model_args. Each key that is read is crossed off; what is left states something that is not honoured.
class TimmArguments {
 public:
  TimmArguments(const nlohmann::json& arguments, const std::string& architecture)
      : json_(arguments), where_(fmt::format("{}: config.json: model_args", architecture)), reader_(arguments, where_) {}

  bool has(const char* key) {
    known_.emplace_back(key);
    const auto found = json_.find(key);
    return found != json_.end() && !found->is_null();
  }
  bool is_null(const char* key) {
    known_.emplace_back(key);
    const auto found = json_.find(key);
    return found != json_.end() && found->is_null();
  }
  void integer(const char* key, int64_t& value) {
    if (has(key)) value = reader_.integer(key, value);
  }
  void number(const char* key, double& value) {
    if (has(key)) value = reader_.number(key, value);
  }
  void flag(const char* key, bool& value) {
    if (has(key)) value = reader_.flag(key, value);
  }
  void integers(const char* key, std::vector<int64_t>& value) {
    if (has(key)) value = reader_.integers(key, value);
  }
  std::string text(const char* key, const std::string& fallback) { return has(key) ? reader_.text(key, fallback) : fallback; }
  template <typename Value>
  void must_be(const char* key, const Value& wanted) {
    if (has(key) && json_.at(key) != wanted) refuse(key, fmt::format("only {} is", nlohmann::json(wanted).dump()));
  }
  [[noreturn]] void refuse(const std::string& key, const std::string& supported) const {
    throw ConfigError(fmt::format("{}: {} is {}, which is not supported; {}", where_, key, json_.at(key).dump(), supported));
  }
  void check_all_read() const {
    for (const auto& item : json_.items()) {
      const std::string& key = item.key();
      if (item.value().is_null() || std::ranges::find(known_, key) != known_.end() ||
          std::ranges::find(kWithoutEffect, std::string_view(key)) != kWithoutEffect.end())
        continue;
      refuse(key, "save the model without it");
    }
  }

 private:
  const nlohmann::json& json_;
  std::string where_;
  ConfigReader reader_;
  std::vector<std::string> known_;
};

void read_common_arguments(TimmArguments& arguments) {
  arguments.must_be("in_chans", 3);
  arguments.must_be("output_stride", 32);
}

// timm's own names of activations beside those that transformers has.
Activation timm_activation(const std::string& name) {
  if (name == "gelu_tanh") return Activation::kGeluTanh;
  if (name == "hard_swish") return Activation::kHardswish;
  return parse_activation(name, "config.json: model_args: act_layer");
}

// --- ResNet

void read_resnet_stem(TimmArguments& arguments, ResNetOptions& options) {
  const bool deep = !options.deep_stem.empty();
  int64_t width = deep ? options.deep_stem[1] : 64;
  const std::string usual = !deep ? "" : options.deep_stem[0] == options.deep_stem[1] ? "deep" : "deep_tiered";
  arguments.integer("stem_width", width);
  const std::string type = arguments.text("stem_type", usual);
  if (!type.empty() && type != "deep" && type != "deep_tiered") arguments.refuse("stem_type", "\"\", \"deep\" and \"deep_tiered\" are");
  options.deep_stem.clear();
  if (type == "deep") options.deep_stem = {width, width};
  if (type == "deep_tiered") options.deep_stem = {3 * (width / 4), width};
  options.stem_width = type.empty() ? 64 : 2 * width;
}

ResNetOptions resnet_of(ResNetOptions options, TimmArguments& arguments) {
  arguments.integers("layers", options.layers);
  arguments.integers("channels", options.widths);
  arguments.integer("cardinality", options.groups);
  arguments.integer("base_width", options.base_width);
  arguments.flag("avg_down", options.average_shortcut);
  arguments.integer("down_kernel_size", options.shortcut_kernel);
  arguments.integer("block_reduce_first", options.reduce_first);
  arguments.flag("replace_stem_pool", options.convolution_pool);
  arguments.must_be("act_layer", "relu");
  read_resnet_stem(arguments, options);
  if (arguments.has("aa_layer")) {
    const std::string layer = arguments.text("aa_layer", "");
    if (layer != "avg" && layer != "blur") arguments.refuse("aa_layer", "\"avg\" and \"blur\" are");
    options.anti_aliasing = layer == "avg" ? AntiAliasing::kAverage : AntiAliasing::kBlur;
  }
  return options;
}

// --- ConvNeXt

struct TimmConvNext {
  const char* name;
  std::array<int64_t, 4> depths;
  int64_t first_width;  // each stage has twice the channels of the one before
  double eps = 1e-6;
  ConvNextStem stem = ConvNextStem::kPatch;
  bool tiered = false;  // half the channels in the middle of an overlapping stem
  bool final_norm = false;
};
constexpr std::array<TimmConvNext, 16> kTimmConvNexts = {
    {{.name = "convnext_atto", .depths = {2, 2, 6, 2}, .first_width = 40},
     {.name = "convnext_atto_ols", .depths = {2, 2, 6, 2}, .first_width = 40, .stem = ConvNextStem::kOverlap, .tiered = true},
     {.name = "convnext_femto", .depths = {2, 2, 6, 2}, .first_width = 48},
     {.name = "convnext_femto_ols", .depths = {2, 2, 6, 2}, .first_width = 48, .stem = ConvNextStem::kOverlap, .tiered = true},
     {.name = "convnext_pico", .depths = {2, 2, 6, 2}, .first_width = 64},
     {.name = "convnext_pico_ols", .depths = {2, 2, 6, 2}, .first_width = 64, .stem = ConvNextStem::kOverlap, .tiered = true},
     {.name = "convnext_nano", .depths = {2, 2, 8, 2}, .first_width = 80},
     {.name = "convnext_nano_ols", .depths = {2, 2, 8, 2}, .first_width = 80, .stem = ConvNextStem::kOverlap},
     {.name = "convnext_tiny", .depths = {3, 3, 9, 3}, .first_width = 96},
     {.name = "convnext_tiny_hnf", .depths = {3, 3, 9, 3}, .first_width = 96, .final_norm = true},
     {.name = "convnext_small", .depths = {3, 3, 27, 3}, .first_width = 96},
     {.name = "convnext_base", .depths = {3, 3, 27, 3}, .first_width = 128},
     {.name = "convnext_large", .depths = {3, 3, 27, 3}, .first_width = 192},
     {.name = "convnext_large_mlp", .depths = {3, 3, 27, 3}, .first_width = 192},
     {.name = "convnext_xlarge", .depths = {3, 3, 27, 3}, .first_width = 256},
     {.name = "convnext_xxlarge", .depths = {3, 4, 30, 3}, .first_width = 384, .eps = 1e-5}}};

// Half of `width` as a multiple of 8, never down by more than a tenth.
int64_t tiered_width(int64_t width) {
  const int64_t half = width / 2, rounded = std::max<int64_t>(8, (half + 4) / 8 * 8);
  return 10 * rounded < 9 * half ? rounded + 8 : rounded;
}

ConvNextOptions convnext_of(const TimmConvNext& row, TimmArguments& arguments) {
  ConvNextOptions options = {.depths = {row.depths.begin(), row.depths.end()},
                             .hidden_sizes = {row.first_width, 2 * row.first_width, 4 * row.first_width, 8 * row.first_width},
                             .stem = row.stem,
                             .layer_norm_eps = row.eps,
                             .final_norm = row.final_norm};
  arguments.integers("depths", options.depths);
  arguments.integers("dims", options.hidden_sizes);
  arguments.integers("kernel_sizes", options.kernel_sizes);
  arguments.integer("patch_size", options.patch_size);
  arguments.number("norm_eps", options.layer_norm_eps);
  arguments.flag("head_norm_first", options.final_norm);
  arguments.must_be("conv_bias", true);
  arguments.must_be("use_grn", false);
  bool either_way = false;  // 1x1 convolutions and matrices are the same
  arguments.flag("conv_mlp", either_way);
  options.layer_scale = !arguments.is_null("ls_init_value");
  double initial = 0;
  arguments.number("ls_init_value", initial);
  if (arguments.has("act_layer")) options.hidden_act = timm_activation(arguments.text("act_layer", ""));
  const std::string usual = row.stem == ConvNextStem::kPatch ? "patch" : row.tiered ? "overlap_tiered" : "overlap";
  const std::string stem = arguments.text("stem_type", usual);
  if (stem != "patch" && stem != "overlap" && stem != "overlap_tiered")
    arguments.refuse("stem_type", "\"patch\", \"overlap\" and \"overlap_tiered\" are");
  options.stem = stem == "patch" ? ConvNextStem::kPatch : ConvNextStem::kOverlap;
  if (options.stem == ConvNextStem::kOverlap && !options.hidden_sizes.empty())
    options.stem_width = stem == "overlap" ? options.hidden_sizes[0] : tiered_width(options.hidden_sizes[0]);
  return options;
}

// --- EfficientNet and MobileNetV3

InvertedNetOptions inverted_of(InvertedNetOptions net, TimmArguments& arguments, const std::string& architecture) {
  arguments.number("bn_eps", net.eps);
  if (arguments.has("bn_momentum")) {
    arguments.number("bn_momentum", net.momentum);
    net.expand_momentum = net.momentum;
  }
  if (arguments.has("pad_type")) {
    const std::string padding = arguments.text("pad_type", "");
    if (!padding.empty() && padding != "same") arguments.refuse("pad_type", "\"\" and \"same\" are");
    net.padding = padding == "same" ? InvertedPadding::kSame : InvertedPadding::kEven;
  }
  net.name = architecture;
  return net;
}

std::optional<InvertedNetOptions> inverted_named(const std::string& architecture) {
  const bool tensorflow = architecture.starts_with("tf_");
  const InvertedMaker maker = tensorflow ? InvertedMaker::kTimmTf : InvertedMaker::kTimm;
  const std::string name = tensorflow ? architecture.substr(3) : architecture;
  for (int64_t number = 0; number < 9; ++number) {
    if (name == fmt::format("efficientnet_b{}", number)) return efficientnet(number, maker);
  }
  if (name == "mobilenetv3_large_075") return mobilenet_v3({.large = true, .width = 0.75, .maker = maker});
  if (name == "mobilenetv3_large_100") return mobilenet_v3({.large = true, .maker = maker});
  if (name == "mobilenetv3_small_050" && !tensorflow) return mobilenet_v3({.large = false, .width = 0.5, .maker = maker});
  if (name == "mobilenetv3_small_075") return mobilenet_v3({.large = false, .width = 0.75, .maker = maker});
  if (name == "mobilenetv3_small_100") return mobilenet_v3({.large = false, .maker = maker});
  if (name == "mobilenetv3_large_minimal_100" && tensorflow) return mobilenet_v3({.large = true, .minimal = true, .maker = maker});
  if (name == "mobilenetv3_small_minimal_100" && tensorflow) return mobilenet_v3({.large = false, .minimal = true, .maker = maker});
  return std::nullopt;
}

std::optional<ImageBackboneOptions> network_named(const std::string& architecture, TimmArguments& arguments) {
  if (const auto resnet = timm_resnet(architecture)) return resnet_of(*resnet, arguments);
  if (const auto net = inverted_named(architecture)) return inverted_of(*net, arguments, architecture);
  for (const TimmConvNext& row : kTimmConvNexts) {
    if (architecture == row.name) return convnext_of(row, arguments);
  }
  return std::nullopt;
}

}  // namespace

std::string timm_architecture(const nlohmann::json& config) {
  if (!config.is_object()) return {};
  const ConfigReader reader(config, "timm");
  const std::string type = reader.text("model_type", "timm_wrapper");
  if (type != "timm_wrapper") return {};
  const std::string architecture = reader.text("architecture", "");
  return architecture.substr(0, architecture.find('.'));
}

std::optional<ImageBackboneOptions> timm_network(const nlohmann::json& config) {
  const std::string architecture = timm_architecture(config);
  if (architecture.empty()) return std::nullopt;
  const auto stated = config.find("model_args");
  const nlohmann::json none = nlohmann::json::object(), &given = stated == config.end() || stated->is_null() ? none : *stated;
  TimmArguments arguments(given, architecture);
  auto network = network_named(architecture, arguments);
  if (!network) return std::nullopt;
  read_common_arguments(arguments);
  arguments.check_all_read();
  std::visit([](const auto& options) { options.validate(); }, *network);
  return network;
}

std::string timm_families() {
  return "resnet* (with c, d, s, t, aa, blur, rs), resnext*, wide_resnet*, seresnet*, seresnext*, senet154, ecaresnet*, convnext_*, "
         "efficientnet_b0 to b8 and mobilenetv3_* (both also tf_)";
}

}  // namespace infig
