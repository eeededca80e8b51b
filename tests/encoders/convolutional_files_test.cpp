// Which convolutional network a folder or file holds: by timm's architecture, by config.json, by names and shapes; and what is refused.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"
#include "core/log.h"
#include "encoders/image_backbones.h"
#include "encoders/timm_architectures.h"
#include "nn/linear.h"
#include "reference/temporary_folder.h"
#include "reference/tensors.h"

namespace infig {
namespace {

namespace fs = std::filesystem;

// As tools/golden/make_convolutional.py lists them.
std::string digest_of(const TensorMap& tensors) {
  std::vector<std::string> lines;
  for (const auto& [name, tensor] : tensors) {
    if (!name.ends_with("num_batches_tracked")) lines.push_back(fmt::format("{} {}", name, fmt::join(tensor.sizes(), ",")));
  }
  std::ranges::sort(lines);
  return sha256_hex(fmt::format("{}", fmt::join(lines, "\n")));
}

nlohmann::json published_architectures() {
  return nlohmann::json::parse(read_file(fs::path(INFIG_SOURCE_DIR) / "tests/golden/encoders/conv_architectures.json"));
}

// ConvNeXts of timm's small ones have 1x1 convolutions where we have matrices.
TensorMap as_timm_has_them(const TensorMap& ours, const std::string& architecture) {
  static const std::vector<std::string> kConvolutions = {"atto", "femto", "pico", "nano", "hnf"};
  const bool convolutions =
      std::ranges::any_of(kConvolutions, [&](const std::string& part) { return architecture.find(part) != std::string::npos; });
  TensorMap tensors;
  for (const auto& [name, tensor] : ours) {
    const bool matrix = convolutions && name.find(".mlp.fc") != std::string::npos && tensor.dim() == 2;
    tensors[name] = matrix ? tensor.unsqueeze(2).unsqueeze(3) : tensor;
  }
  return tensors;
}

TEST(PublishedArchitectures, TimmsHaveTheirNamesAndShapes) {
  const nlohmann::json published = published_architectures().at("timm");
  ASSERT_GT(published.size(), 100U);
  const SkipInitialization skip;
  size_t resnets = 0;
  for (const auto& [architecture, facts] : published.items()) {
    const auto network = timm_network({{"architecture", architecture}});
    ASSERT_TRUE(network) << architecture;
    EXPECT_EQ(digest_of(as_timm_has_them(state_dict(*make_image_backbone(*network)), architecture)), facts.at("sha256").get<std::string>())
        << architecture;
    if (const auto* resnet = std::get_if<ResNetOptions>(&*network)) {
      const AntiAliasing wanted = facts.at("anti_aliasing") == "blur"      ? AntiAliasing::kBlur
                                  : facts.at("anti_aliasing") == "average" ? AntiAliasing::kAverage
                                                                           : AntiAliasing::kNone;
      EXPECT_EQ(resnet->anti_aliasing, wanted) << architecture;
      ++resnets;
    }
  }
  EXPECT_EQ(resnets, timm_resnet_names().size());
}

// Ours back to the maker's names.
TensorMap as_they_call_them(const TensorMap& ours, const InvertedNetOptions& options, InvertedNaming naming) {
  std::map<std::string, std::string> names;
  for (const auto& [theirs, mine] : inverted_names(options, naming)) names[mine] = theirs;
  TensorMap tensors;
  for (const auto& [name, tensor] : ours) {
    const size_t dot = name.rfind('.');
    tensors[names.at(name.substr(0, dot)) + name.substr(dot)] = tensor;
  }
  return tensors;
}

TEST(PublishedArchitectures, OthersAreToldByTheirNamesAndShapes) {
  const nlohmann::json published = published_architectures();
  const SkipInitialization skip;
  for (int64_t number = 0; number < 8; ++number) {
    const std::string architecture = fmt::format("efficientnet_b{}", number);
    const InvertedNetOptions options = efficientnet(number, InvertedMaker::kTorchvision);
    const TensorMap tensors = state_dict(InvertedNetImpl(options));
    const TensorMap torchvision = as_they_call_them(tensors, options, InvertedNaming::kTorchvision);
    EXPECT_EQ(digest_of(torchvision), published.at("torchvision").at(architecture).at("sha256").get<std::string>()) << architecture;
    EXPECT_EQ(digest_of(as_they_call_them(tensors, options, InvertedNaming::kTransformers)),
              published.at("transformers").at(architecture).at("sha256").get<std::string>())
        << architecture;
    ASSERT_EQ(inverted_naming(torchvision), InvertedNaming::kTorchvision);
    const InvertedNetOptions told = inverted_net_from_weights(torchvision, InvertedNaming::kTorchvision, "file");
    EXPECT_EQ(told.name, options.name);
    EXPECT_EQ(told.eps, number < 5 ? 1e-5 : 1e-3) << architecture;
  }
  for (const bool large : {true, false}) {
    const std::string architecture = large ? "mobilenet_v3_large" : "mobilenet_v3_small";
    const InvertedNetOptions options = mobilenet_v3({.large = large, .maker = InvertedMaker::kTorchvision});
    const TensorMap tensors = as_they_call_them(state_dict(InvertedNetImpl(options)), options, InvertedNaming::kTorchvision);
    EXPECT_EQ(digest_of(tensors), published.at("torchvision").at(architecture).at("sha256").get<std::string>()) << architecture;
    EXPECT_EQ(inverted_net_from_weights(tensors, InvertedNaming::kTorchvision, "file").name, options.name);
  }
}

// What a bare file is read as has the names and shapes of the architecture it came from.
TEST(PublishedArchitectures, BareFilesOfConvNextsAndResNetsAreReadByShape) {
  const nlohmann::json published = published_architectures().at("timm");
  const SkipInitialization skip;
  for (const char* architecture : {"convnext_tiny", "convnext_nano_ols", "convnext_atto_ols", "convnext_tiny_hnf", "resnet50", "resnet18d",
                                   "resnet26t", "wide_resnet50_2", "resnext50_32x4d", "resnext101_64x4d", "seresnext50_32x4d", "senet154",
                                   "resnetrs50", "ecaresnet50t", "ecaresnetlight", "resnet50s"}) {
    const auto network = timm_network({{"architecture", architecture}});
    const TensorMap tensors = state_dict(*make_image_backbone(*network));
    const bool convnext = std::holds_alternative<ConvNextOptions>(*network);
    const ImageBackboneOptions told = convnext ? ImageBackboneOptions(convnext_options_from_weights(tensors, "file"))
                                               : ImageBackboneOptions(resnet_options_from_weights(tensors));
    EXPECT_EQ(make_image_backbone(told)->config(), make_image_backbone(*network)->config()) << architecture;
  }
}

bool says(const std::string& message, const std::vector<std::string>& parts) {
  return std::ranges::all_of(parts, [&](const std::string& part) { return message.find(part) != std::string::npos; });
}

class ConvolutionalFolder : public ::testing::Test {
 protected:
  std::string failure(const TensorMap& tensors, const nlohmann::json& config = {}) {
    save_tensors(path_ / "model.safetensors", tensors);
    if (config.is_object()) write_file_atomic(path_ / "config.json", config.dump());
    try {
      load_image_backbone(path_);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }
  reference::TemporaryFolder folder_;
  const fs::path& path_ = folder_.path();
};

TEST_F(ConvolutionalFolder, TwoReadingsAreBothNamed) {
  const TensorMap tensors = state_dict(InvertedNetImpl(mobilenet_v3({.large = false, .width = 0.75})));
  const std::string message = failure(tensors);
  EXPECT_TRUE(says(message, {"mobilenetv3_small_075", "tf_mobilenetv3_small_075", "config.json", "\"architecture\""})) << message;
  EXPECT_EQ(failure(tensors, {{"architecture", "tf_mobilenetv3_small_075.in1k"}}), "");
  EXPECT_EQ(load_image_backbone(path_).name, "tf_mobilenetv3_small_075");
  const auto backbone = load_image_backbone(path_).backbone;
  EXPECT_EQ(dynamic_cast<const InvertedNetImpl&>(*backbone).options().padding, InvertedPadding::kSame);
  // What transformers saves around timm.
  TensorMap wrapped;
  for (const auto& [name, tensor] : tensors) wrapped["timm_model." + name] = tensor;
  EXPECT_EQ(failure(wrapped, {{"model_type", "timm_wrapper"}, {"architecture", "mobilenetv3_small_075"}, {"model_args", nullptr}}), "");
}

// As a training script saves them: the network among other tensors, under a prefix of its own, in each maker's naming.
TEST_F(ConvolutionalFolder, TrainingScriptsPutPrefixesBeforeTheNames) {
  const SkipInitialization skip;
  const ConvNextOptions small{.depths = {1, 1}, .hidden_sizes = {4, 8}, .kernel_sizes = {7, 7}};
  const InvertedNetOptions mobile = mobilenet_v3({.large = false, .maker = InvertedMaker::kTorchvision});
  const InvertedNetOptions timms = mobilenet_v3({.large = false, .width = 0.5});
  const ConvNextImpl convnext(small);
  TensorMap authors;  // ConvNeXt's own naming
  for (const auto& [name, tensor] : state_dict(convnext)) {
    std::string theirs = name;
    const auto swap = [&](const std::string& from, const std::string& to) {
      const size_t at = theirs.find(from);
      if (at != std::string::npos) theirs.replace(at, from.size(), to);
    };
    swap("stem.", "downsample_layers.0.");
    swap("stages.1.downsample.", "downsample_layers.1.");
    swap(".blocks", "");
    swap("conv_dw", "dwconv");
    swap("mlp.fc", "pwconv");
    authors[theirs] = tensor;
  }
  const std::vector<std::tuple<std::string, TensorMap, nlohmann::json>> cases = {
      {"model.backbone.", state_dict(convnext), nlohmann::json()},
      {"net.", authors, nlohmann::json()},
      {"module.", state_dict(InvertedNetImpl(timms)), {{"architecture", "mobilenetv3_small_050"}}},
      {"_orig_mod.image.", as_they_call_them(state_dict(InvertedNetImpl(mobile)), mobile, InvertedNaming::kTorchvision), nlohmann::json()},
      {"encoder.",
       state_dict(*make_image_backbone(*timm_network({{"architecture", "seresnet18"}, {"model_args", {{"channels", {4, 4, 8, 8}}}}}))),
       {{"architecture", "seresnet18"}, {"model_args", {{"channels", {4, 4, 8, 8}}}}}}};
  for (const auto& [prefix, tensors, config] : cases) {
    TensorMap saved = {{"epoch", at::ones({1})}, {"text.weight", at::ones({2, 2})}};
    for (const auto& [name, tensor] : tensors) saved[prefix + name] = tensor;
    std::filesystem::remove(path_ / "config.json");
    std::vector<std::string> said;
    const LogScope scope([&](LogLevel, const std::string& message) { said.push_back(message); });
    EXPECT_EQ(failure(saved, config), "") << prefix;
    EXPECT_TRUE(std::ranges::any_of(said, [&, &before = prefix](const std::string& line) {
      return says(line, {"'" + before + "'", "epoch"});
    })) << prefix;
    for (const auto& [name, tensor] : tensors) saved["copy." + name] = tensor;
    EXPECT_TRUE(says(failure(saved, config), {"'" + prefix + "'", "'copy.'", "2 times"})) << prefix;
  }
}

// Anti-aliasing leaves no trace in a file.
TEST(PublishedArchitectures, ResNetsThatFitSeveralReadingsAreRefusedByAllTheirNames) {
  const SkipInitialization skip;
  const auto weights = [](const char* architecture) {
    return state_dict(*make_image_backbone(*timm_network({{"architecture", architecture}})));
  };
  for (const char* architecture : {"resnet50d", "resnetaa50d", "resnetblur50d"}) {
    try {
      resnet_options_from_weights(weights(architecture), "file");
      FAIL() << architecture;
    } catch (const CheckpointError& error) {
      EXPECT_TRUE(says(error.what(), {"file: ", "resnet50d", "resnetaa50d", "resnetblur50d", "config.json"})) << error.what();
    }
  }
  EXPECT_EQ(resnet_options_from_weights(weights("seresnetaa50d"), "file").anti_aliasing,
            AntiAliasing::kAverage);                                                                           // the only one with all else
  EXPECT_EQ(resnet_options_from_weights(weights("resnetblur50"), "file").anti_aliasing, AntiAliasing::kNone);  // as torchvision's
}

TEST_F(ConvolutionalFolder, EveryFaultOfTheWeightsIsListed) {
  TensorMap tensors = state_dict(InvertedNetImpl(mobilenet_v3({.large = false, .width = 0.5})));
  tensors.erase("blocks.1.0.bn2.weight");
  tensors["blocks.1.0.bn2.scale"] = at::zeros({3});
  tensors["blocks.0.0.se.conv_reduce.bias"] = at::zeros({7});
  const std::string message = failure(tensors, {{"architecture", "mobilenetv3_small_050"}});
  EXPECT_TRUE(says(message, {"blocks.1.0.bn2.weight", "blocks.1.0.bn2.scale", "blocks.0.0.se.conv_reduce.bias", path_.string()}))
      << message;
}

TEST_F(ConvolutionalFolder, RefusesByNameWhatIsStatedAndNotSupported) {
  const TensorMap resnet =
      state_dict(ResNetImpl(ResNetOptions{.bottleneck = false, .layers = {1, 1, 1, 1}, .widths = {4, 4, 4, 4}, .stem_width = 4}));
  // The names are ResNet's; the network is another.
  for (const char* architecture :
       {"resnet50_gn", "skresnet18", "ecaresnet50d_pruned", "resnetv2_50", "convnextv2_atto", "efficientnetv2_s", "mobilenetv3_rw"}) {
    const std::string message = failure(resnet, {{"architecture", architecture}, {"num_classes", 10}});
    EXPECT_TRUE(says(message, {architecture, "architecture", "config.json", "supported"})) << message;
  }
  EXPECT_TRUE(says(failure(resnet, {{"model_type", "mobilenet_v2"}}), {"mobilenet_v2", "config.json"}));
  const std::vector<std::tuple<const char*, const char*, nlohmann::json>> arguments = {{"resnet18", "norm_layer", "groupnorm"},
                                                                                       {"resnet18", "act_layer", "silu"},
                                                                                       {"resnet50", "output_stride", 16},
                                                                                       {"resnet50", "in_chans", 1},
                                                                                       {"resnet50", "stem_type", "wide"},
                                                                                       {"resnet50", "block_args", {{"attn_layer", "cbam"}}},
                                                                                       {"convnext_tiny", "use_grn", true},
                                                                                       {"convnext_tiny", "conv_bias", false},
                                                                                       {"convnext_tiny", "stem_type", "overlap_act"},
                                                                                       {"convnext_tiny", "norm_layer", "rmsnorm"},
                                                                                       {"efficientnet_b0", "act_layer", "relu"},
                                                                                       {"efficientnet_b0", "pad_type", "valid"},
                                                                                       {"efficientnet_b0", "aa_layer", "blurpc"},
                                                                                       {"convnext_tiny", "dims", {4, 4}},
                                                                                       {"convnext_tiny", "dims", "wide"}};
  for (const auto& [architecture, key, value] : arguments) {
    const std::string message = failure(resnet, {{"architecture", architecture}, {"model_args", {{key, value}, {"drop_rate", 0.1}}}});
    EXPECT_TRUE(says(message, {"config.json"})) << message;
    EXPECT_TRUE(std::string(key) == "dims" || says(message, {key})) << message;
  }
  for (const auto& [key, value] : std::vector<std::pair<std::string, nlohmann::json>>{{"num_channels", 1},
                                                                                      {"num_stages", 3},
                                                                                      {"depths", {1, 0, 1, 1}},
                                                                                      {"hidden_act", "glu"},
                                                                                      {"patch_size", {4, 4}},
                                                                                      {"hidden_sizes", {1, 2}}}) {
    const std::string message = failure(resnet, {{"model_type", "convnext"}, {key, value}});
    EXPECT_TRUE(says(message, {key == "depths" ? "depths" : key, "config.json"})) << message;
  }
  for (const auto& [key, value] : std::vector<std::pair<std::string, nlohmann::json>>{{"num_channels", 1},
                                                                                      {"hidden_dim", 7},
                                                                                      {"hidden_act", "glu"},
                                                                                      {"strides", {1, 2}},
                                                                                      {"depth_divisor", 0},
                                                                                      {"squeeze_expansion_ratio", 0},
                                                                                      {"num_block_repeats", {1, 2, 2, 3, 3, 4, 1000000}}}) {
    const std::string message = failure(resnet, {{"model_type", "efficientnet"}, {key, value}});
    EXPECT_TRUE(says(message, {key, "config.json"})) << message;
  }
}

TEST_F(ConvolutionalFolder, RefusesWeightsOfOtherNetworksByName) {
  TensorMap second = state_dict(ConvNextImpl(ConvNextOptions{.depths = {1, 1}, .hidden_sizes = {4, 4}, .kernel_sizes = {7, 7}}));
  second["stages.0.blocks.0.mlp.grn.weight"] = at::zeros({16});
  EXPECT_TRUE(says(failure(second), {"ConvNeXt V2"}));
  const TensorMap scaled = state_dict(InvertedNetImpl(scaled_efficientnet(0.05, 0.3, InvertedMaker::kTimm)));
  EXPECT_TRUE(says(failure(scaled), {"none that is supported"}));
  TensorMap transformers;
  transformers["efficientnet.encoder.blocks.0.depthwise_conv.depthwise_conv.weight"] = at::zeros({8, 1, 3, 3});
  EXPECT_TRUE(says(failure(transformers), {"config.json"}));
}

TEST(InvertedNet, HostileJsonIsRefused) {
  const nlohmann::json good = InvertedNetImpl(mobilenet_v3({.large = false, .width = 0.05})).config();
  EXPECT_NO_THROW(inverted_net_from_json(good));
  const std::vector<std::pair<std::string, nlohmann::json>> changes = {{"/stages", 3},
                                                                       {"/stages", nlohmann::json::array()},
                                                                       {"/stages/0", 3},
                                                                       {"/stages/0", nlohmann::json::array()},
                                                                       {"/stages/0/0", 3},
                                                                       {"/stages/0/0/kind", "other"},
                                                                       {"/stages/0/0/kernel", 4},
                                                                       {"/stages/0/0/stride", 3},
                                                                       {"/stages/0/0/expanded", 1 << 20},
                                                                       {"/stages/0/0/out_channels", -1},
                                                                       {"/stages/1/0/in_channels", 7},
                                                                       {"/stages/0/0/residual", true},
                                                                       {"/padding", "valid"},
                                                                       {"/eps", 0},
                                                                       {"/momentum", 2},
                                                                       {"/head_width", -1},
                                                                       {"/activation", "glu"}};
  for (const auto& [where, value] : changes) {
    nlohmann::json bad = good;
    bad[nlohmann::json::json_pointer(where)] = value;
    EXPECT_THROW(inverted_net_from_json(bad), ConfigError) << where << " = " << value;
  }
}

TEST(ConvNext, RefusesWrongShapesAndOptions) {
  ConvNext model(ConvNextOptions{.depths = {1, 1}, .hidden_sizes = {4, 4}, .kernel_sizes = {7, 7}});
  EXPECT_THROW(model->features(at::zeros({1, 1, 32, 32}), false), ShapeError);
  EXPECT_THROW(model->features(at::zeros({1, 3, 7, 32}), false), ShapeError);
  EXPECT_EQ(model->stride(), 8);
  EXPECT_THROW(ConvNext(ConvNextOptions{.kernel_sizes = {7, 7, 7, 6}}), ConfigError);
  EXPECT_THROW(ConvNext(ConvNextOptions{.depths = {1, 1}}), ConfigError);
  EXPECT_THROW(ConvNext(ConvNextOptions{.stem = ConvNextStem::kOverlap}), ConfigError);
}

}  // namespace
}  // namespace infig
